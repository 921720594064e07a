import type { Via } from "../../lib/index.js"; // in your project: "pg-baton"

/** Latencies by the way that results arrived: ms from calling `async` to the result. */
export class Tally {
  readonly #latencies = new Map<Via, number[]>();

  add(via: Via, ms: number): void {
    const latencies = this.#latencies.get(via);
    if (latencies === undefined) this.#latencies.set(via, [ms]);
    else latencies.push(ms);
  }

  /** How many results arrived that way. */
  count(via: Via): number {
    return this.#latencies.get(via)?.length ?? 0;
  }

  /** The latency at a percentile, such as 0.5 or 0.99. NaN if no result arrived that way. */
  percentile(via: Via, share: number): number {
    const latencies = (this.#latencies.get(via) ?? []).toSorted((a, b) => a - b);
    return latencies[Math.max(0, Math.ceil(latencies.length * share) - 1)] ?? Number.NaN;
  }
}
