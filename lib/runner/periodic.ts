import { setTimeout as sleep } from "node:timers/promises";
import type { Telemetry } from "../telemetry.js";

export interface PeriodicOptions {
  /** For telemetry. */
  readonly name: string;
  /** ms between two runs, jittered by a fifth so that hosts do not come in step. */
  readonly interval: number;
  /** Does the work; resolves to the ms until it is to be done again, where that is sooner than after the interval. */
  readonly work: () => Promise<number | undefined>;
  readonly telemetry: Telemetry;
}

/** Work that is done at once and then again and again, never twice at a time. A failure is reported, and the work tried again at its time. */
export class Periodic {
  readonly #options: PeriodicOptions;
  #stopping: AbortController | undefined;
  /** Ends the wait for the next run. */
  #hurry = new AbortController();
  #loop: Promise<void> = Promise.resolve();

  constructor(options: PeriodicOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#stopping !== undefined) return;
    this.#stopping = new AbortController();
    this.#loop = this.#run(this.#stopping.signal);
  }

  /** Runs again now, or once the run under way has ended. */
  tickNow(): void {
    this.#hurry.abort();
  }

  /** Resolves when the run under way, if any, has ended. */
  async stop(): Promise<void> {
    this.#stopping?.abort();
    this.tickNow();
    await this.#loop;
    this.#stopping = undefined;
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { name, interval, work, telemetry } = this.#options;
    for (let pause: number | undefined = 0; !signal.aborted; ) {
      pause ??= interval * (0.9 + Math.random() / 5);
      if (pause > 0) await sleep(pause, undefined, { signal: this.#hurry.signal }).catch(() => {});
      if (signal.aborted) return;
      this.#hurry = new AbortController();
      pause = await work().catch((error: unknown) => {
        telemetry.emit("service:error", { service: name, error });
        return undefined;
      });
    }
  }
}
