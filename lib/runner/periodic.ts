import { setTimeout as sleep } from "node:timers/promises";
import type { Telemetry } from "../telemetry.js";

export interface PeriodicOptions {
  /** The name that telemetry reports. */
  readonly name: string;
  /** ms between two rounds, jittered by a tenth either way so that hosts do not fall into step. */
  readonly interval: number;
  /** Does one round. Resolves to the ms until the next one, or undefined for the interval. */
  readonly work: () => Promise<number | undefined>;
  readonly telemetry: Telemetry;
}

/**
 * Repeats some work: at once, then at an interval, never two rounds at a time. A round that fails
 * is reported as `service:error`, and the next one comes at its time.
 */
export class Periodic {
  readonly #options: PeriodicOptions;
  /** Set from start to stop. */
  #stopping: AbortController | undefined;
  /** Cuts short the pause under way, or the next one if a round is under way. */
  #pause = new AbortController();
  #looping: Promise<void> = Promise.resolve();

  constructor(options: PeriodicOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#stopping !== undefined) return;
    this.#stopping = new AbortController();
    this.#looping = this.#loop(this.#stopping.signal);
  }

  /** Starts the next round now, or right after the one under way. */
  tickNow(): void {
    this.#pause.abort();
  }

  /** Resolves when the round under way, if any, has ended. */
  async stop(): Promise<void> {
    this.#stopping?.abort();
    this.tickNow();
    await this.#looping;
    this.#stopping = undefined;
  }

  async #loop(signal: AbortSignal): Promise<void> {
    const { name, interval, work, telemetry } = this.#options;
    for (let pause: number | undefined = 0; !signal.aborted; ) {
      pause ??= interval * (0.9 + Math.random() / 5);
      if (pause > 0) await sleep(pause, undefined, { signal: this.#pause.signal }).catch(() => {});
      if (signal.aborted) return;
      this.#pause = new AbortController();
      pause = await work().catch((error: unknown) => {
        telemetry.emit("service:error", { service: name, error });
        return undefined;
      });
    }
  }
}
