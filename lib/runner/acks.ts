import { Batcher } from "../batch/batcher.js";
import type { ClaimKey } from "../engine/claim-key.js";
import type { Ack } from "../engine/complete.js";
import type { Engine } from "../engine/engine.js";
import { StoppedError } from "../errors.js";
import { isPassing, isTimeout } from "../postgres/failure.js";
import type { Telemetry } from "../telemetry.js";
import { interruptedEnding } from "./endings.js";
import { Stragglers } from "./stragglers.js";

/** No job starts while more outcomes than this wait to be written. */
const CONGESTED = 1_000;
/** The same limit in bytes. */
const CONGESTED_BYTES = 64 * 1_024 * 1_024;
const BATCH = 500;
const BATCH_BYTES = 4 * 1_024 * 1_024;
/**
 * An outcome of this many bytes or more gets a statement of its own, which passes the bytes to the
 * driver as they are. 10 MB take the main thread 5 ms this way, and 10 ms when copied into a batch.
 */
const LARGE = 262_144;

export interface AcksOptions {
  readonly engine: Pick<Engine, "complete" | "interrupt" | "writable">;
  readonly telemetry: Telemetry;
  /** ms between two tries to write a straggler. @default 5,000 */
  readonly pause?: number;
  /**
   * Whether jobs wait for threads. If so, an outcome that is not awaited may wait a little for
   * others: fewer, larger writes leave more CPU time to the jobs.
   */
  readonly hasBacklog: () => boolean;
  /** Called after each write during a congestion: jobs may be able to start again. */
  readonly onCapacity: () => void;
}

/**
 * Writes outcomes to their rows, in two lanes: small ones many at a time, large ones one by one, so
 * that no small outcome waits behind 64 MB. Retries for as long as the host lives.
 */
export class Acks {
  readonly #options: AcksOptions;
  readonly #small: Batcher<Ack, boolean>;
  readonly #large: Batcher<Ack, boolean>;
  readonly #interrupted: Batcher<ClaimKey, boolean>;
  /** Outcomes that the lanes could not write. */
  readonly #stragglers: Stragglers;

  constructor(options: AcksOptions) {
    this.#options = options;
    this.#small = this.#lane("complete", BATCH);
    this.#large = this.#lane("complete large", 1);
    const { engine, telemetry } = options;
    this.#interrupted = new Batcher({
      name: "interrupt",
      flush: (keys: ClaimKey[], { again }) => engine.interrupt(keys, interruptedEnding(), { again }),
      limit: BATCH,
      patience: Number.POSITIVE_INFINITY,
      isPassing,
      telemetry,
    });
    this.#stragglers = new Stragglers(options);
  }

  /** Outcomes that are not written yet, stragglers included. */
  get pending(): number {
    return this.#queued + this.#stragglers.pending;
  }

  /**
   * Whether so many outcomes or bytes wait to be written that no job should start. Stragglers do
   * not count: single outcomes that cannot be written must not stop the host.
   */
  get congested(): boolean {
    return this.#queued > CONGESTED || this.#small.pendingWeight + this.#large.pendingWeight > CONGESTED_BYTES;
  }

  /**
   * Writes an outcome. Resolves to whether it was written; false if the fence refused
   * it. Rejects if the database refuses it for good, or if it times out three times
   * while others can be written.
   */
  push(ack: Ack): Promise<boolean> {
    return this.#push(ack).catch((error: unknown) => {
      if (isTimeout(error)) return this.#stragglers.retry(ack);
      throw error;
    });
  }

  /**
   * Writes the substitute for an outcome that the database has refused. Like {@link push}, but
   * retries after any error, until the host stops.
   */
  pushSubstitute(ack: Ack): Promise<boolean> {
    return this.#push(ack).catch((error: unknown) => {
      if (error instanceof StoppedError) throw error;
      return this.#stragglers.retryForever(ack);
    });
  }

  /** Releases a job that the host's stop has interrupted. Resolves like {@link push}. */
  interrupt(key: ClaimKey): Promise<boolean> {
    return this.#interrupted.push(key);
  }

  /** Cuts the pause before a retry short: the database may be back. */
  retryNow(): void {
    for (const lane of this.#lanes) lane.retryNow();
  }

  /** Writes the waiting outcomes for at most `ms`, then rejects the rest. */
  async close(ms: number): Promise<void> {
    await Promise.all(this.#lanes.map((lane) => lane.close(ms)));
    this.#stragglers.stop();
  }

  get #lanes() {
    return [this.#small, this.#large, this.#interrupted];
  }

  get #queued(): number {
    return this.#small.pending + this.#large.pending + this.#interrupted.pending;
  }

  #push(ack: Ack): Promise<boolean> {
    return (weigh(ack) < LARGE ? this.#small : this.#large).push(ack);
  }

  #lane(name: string, limit: number): Batcher<Ack, boolean> {
    return new Batcher({
      name,
      flush: (acks: Ack[], attempt) => this.#complete(acks, attempt),
      limit,
      weigh,
      maxWeight: BATCH_BYTES,
      patience: Number.POSITIVE_INFINITY,
      isPassing,
      suspicious: isTimeout,
      isUrgent: ({ awaited }) => awaited || !this.#options.hasBacklog(),
      telemetry: this.#options.telemetry,
    });
  }

  async #complete(acks: Ack[], attempt: { readonly again: boolean }): Promise<boolean[]> {
    const { engine, onCapacity } = this.#options;
    const written = await engine.complete(acks, attempt);
    // Producers that a congestion has stopped have no other wake-up. Deferred, because these acks
    // count as pending until they resolve.
    if (this.congested) setImmediate(onCapacity);
    return written;
  }
}

function weigh({ transition }: Ack): number {
  return transition.answer?.bytes.length ?? 0;
}
