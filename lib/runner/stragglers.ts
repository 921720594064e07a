import { setTimeout as sleep } from "node:timers/promises";
import type { Ack } from "../engine/complete.js";
import type { Engine } from "../engine/engine.js";
import { StoppedError } from "../errors.js";
import { isPassing, isTimeout } from "../postgres/failure.js";
import type { Telemetry } from "../telemetry.js";

/** Most tries for an outcome that times out. The one that made it a straggler is the first. */
const TRIES = 3;
/** ms between two tries. */
const PAUSE = 5_000;

export interface StragglersOptions {
  readonly engine: Pick<Engine, "complete" | "writable">;
  readonly telemetry: Telemetry;
  /** ms between two tries. @default 5,000 */
  readonly pause?: number;
}

/**
 * Retries outcomes that the database did not take although each stood alone in its statement. They
 * are written one by one, apart from the lanes, so that no other outcome waits behind them.
 */
export class Stragglers {
  readonly #options: StragglersOptions;
  readonly #stopping = new AbortController();
  #pending = 0;

  constructor(options: StragglersOptions) {
    this.#options = options;
  }

  get pending(): number {
    return this.#pending;
  }

  /**
   * Retries an outcome whose write has timed out once. Rejects after the third time-out. A try
   * counts only if the database could write meanwhile: a lock or an outage that holds up every
   * outcome proves nothing about this one.
   */
  async retry(ack: Ack): Promise<boolean> {
    let failures = 1;
    return this.#repeat(ack, async (error) => {
      if (!isPassing(error)) return false;
      if (isTimeout(error) && (await this.#writable())) failures += 1;
      return failures < TRIES;
    });
  }

  /** Retries an outcome after any error, until it is written or the host stops. */
  retryForever(ack: Ack): Promise<boolean> {
    return this.#repeat(ack, async () => true);
  }

  /** Ends all retries: their promises reject. */
  stop(): void {
    this.#stopping.abort();
  }

  async #repeat(ack: Ack, again: (error: unknown) => Promise<boolean>): Promise<boolean> {
    const { engine, telemetry, pause: delay = PAUSE } = this.#options;
    const { signal } = this.#stopping;
    this.#pending += 1;
    try {
      for (;;) {
        await sleep(delay, undefined, { signal }).catch(() => {});
        if (signal.aborted) throw new StoppedError("write an outcome any longer");
        try {
          const [written] = await engine.complete([ack], { again: true });
          return written ?? false;
        } catch (error) {
          if (!(await again(error))) throw error;
          telemetry.emit("batch:retry", { batch: "complete straggler", size: 1, delay, error });
        }
      }
    } finally {
      this.#pending -= 1;
    }
  }

  #writable(): Promise<boolean> {
    return this.#options.engine.writable().then(
      () => true,
      () => false,
    );
  }
}
