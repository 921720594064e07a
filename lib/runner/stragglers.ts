import { setTimeout as sleep } from "node:timers/promises";
import { StoppedError } from "../errors.js";
import type { Ack } from "../engine/complete.js";
import type { Engine } from "../engine/engine.js";
import { isPassing, isTimeout } from "../postgres/failure.js";
import type { Telemetry } from "../telemetry.js";

/** Tries that an outcome gets which takes too long, the one that made it a straggler included. */
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
 * Outcomes that could not be written though they stood alone. They are tried again aside, so that
 * no other waits behind them.
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
   * Tries an outcome again that took too long. Rejects when it has done so in three tries though
   * the database could write meanwhile: while a lock or an outage holds up every outcome, no try
   * counts.
   */
  async persuade(ack: Ack): Promise<boolean> {
    let failures = 1;
    return this.#repeat(ack, async (error) => {
      if (!isPassing(error)) return false;
      if (isTimeout(error) && (await this.#writable())) failures += 1;
      return failures < TRIES;
    });
  }

  /**
   * Tries an outcome until it is written, whatever the reason is. Rejects only where the host
   * stops.
   */
  insist(ack: Ack): Promise<boolean> {
    return this.#repeat(ack, async () => true);
  }

  /** Ends all tries: those that wait reject. */
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
