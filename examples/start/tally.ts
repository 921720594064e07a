import type { Via } from "../../lib/index.js"; // yours: "pg-baton"

/** Latencies by the way that the results came: ms from `async` to the result in hand. */
export class Tally {
  readonly #latencies = new Map<Via, number[]>();

  add(via: Via, ms: number): void {
    const latencies = this.#latencies.get(via);
    if (latencies === undefined) this.#latencies.set(via, [ms]);
    else latencies.push(ms);
  }

  /** How many came that way. */
  count(via: Via): number {
    return this.#latencies.get(via)?.length ?? 0;
  }

  /** The latency that this share of the results (0.5, 0.99) kept to; NaN where none came that way. */
  percentile(via: Via, share: number): number {
    const latencies = (this.#latencies.get(via) ?? []).toSorted((a, b) => a - b);
    return latencies[Math.max(0, Math.ceil(latencies.length * share) - 1)] ?? Number.NaN;
  }
}
