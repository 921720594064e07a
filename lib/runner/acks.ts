import { packException } from "../codec/codec.js";
import { InterruptedError, StoppedError } from "../errors.js";
import { ANSWER_KINDS, answerWith } from "../job/answer.js";
import { COUNTED_FROM } from "../job/interruptions.js";
import { Batcher } from "../batch/batcher.js";
import type { ClaimKey, Ending } from "../engine/census.js";
import type { Ack, Engine } from "../engine/engine.js";
import { isPassing, isTimeout } from "../postgres/failure.js";
import type { Telemetry } from "../telemetry.js";
import { Stragglers } from "./stragglers.js";

/** Outcomes that wait to be written, beyond which no more jobs are started. */
const CLOGGED = 1_000;
/** The same in bytes. */
const CLOGGED_BYTES = 64 * 1_024 * 1_024;
const BATCH = 500;
const BATCH_BYTES = 4 * 1_024 * 1_024;
/**
 * From so many bytes on an outcome is written by itself. Its bytes then go to the driver as they
 * are: one of 10 MB takes the main thread 5 ms that way, and 10 where it is first copied into a
 * batch.
 */
const LARGE = 262_144;

export interface AcksOptions {
  readonly engine: Pick<Engine, "complete" | "interrupt" | "writable">;
  readonly telemetry: Telemetry;
  /** ms between two tries of an outcome that cannot be written. @default 5,000 */
  readonly pause?: number;
  /** Whether what nobody awaits may wait a little for company. */
  readonly leisurely: () => boolean;
  /** Called when outcomes that had piled up are written: jobs can be started again, perhaps. */
  readonly onEased: () => void;
}

/**
 * Writes outcomes, in two lanes: small ones many at a time, large ones one by one beside them, so
 * that nobody who awaits a small result waits behind 64 MB. Tries for as long as the host lives.
 */
export class Acks {
  readonly #options: AcksOptions;
  readonly #small: Batcher<Ack, boolean>;
  readonly #large: Batcher<Ack, boolean>;
  readonly #interrupted: Batcher<ClaimKey, boolean>;
  readonly #stragglers: Stragglers;

  constructor(options: AcksOptions) {
    this.#options = options;
    this.#small = this.#lane("complete", BATCH);
    this.#large = this.#lane("complete large", 1);
    const { engine, telemetry } = options;
    this.#interrupted = new Batcher({
      name: "interrupt",
      flush: (keys: ClaimKey[], { again }) => engine.interrupt(keys, exhausted(), again),
      limit: BATCH,
      patience: Number.POSITIVE_INFINITY,
      isPassing,
      telemetry,
    });
    this.#stragglers = new Stragglers(options);
  }

  /** Outcomes that wait to be written or are on their way. */
  get pending(): number {
    return this.#queued + this.#stragglers.pending;
  }

  /**
   * Whether they pile up: no jobs should be started until they are written. Single ones that cannot
   * be written do not count.
   */
  get clogged(): boolean {
    return this.#queued > CLOGGED || this.#small.pendingWeight + this.#large.pendingWeight > CLOGGED_BYTES;
  }

  /**
   * Resolves when it is written: false where the fence refused. Rejects where the database does not
   * take it: refuses it for good, or spends too long on it three times though it writes others.
   */
  push(ack: Ack): Promise<boolean> {
    return this.#push(ack).catch((error: unknown) => {
      if (isTimeout(error)) return this.#stragglers.persuade(ack);
      throw error;
    });
  }

  /**
   * Like {@link push}, for what stands in for an outcome that the database did not take: tried
   * until the host stops.
   */
  insist(ack: Ack): Promise<boolean> {
    return this.#push(ack).catch((error: unknown) => {
      if (error instanceof StoppedError) throw error;
      return this.#stragglers.insist(ack);
    });
  }

  /** Gives back a job that the host's stop interrupts; resolves like {@link push}. */
  interrupt(key: ClaimKey): Promise<boolean> {
    return this.#interrupted.push(key);
  }

  /** The reason of the last failure may have passed: tries again now. */
  retryNow(): void {
    for (const lane of this.#lanes) lane.retryNow();
  }

  /** Lets everything arrive, for `ms` at most. */
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
      flush: (acks: Ack[], { again }) => this.#complete(acks, again),
      limit,
      weigh,
      maxWeight: BATCH_BYTES,
      patience: Number.POSITIVE_INFINITY,
      isPassing,
      suspicious: isTimeout,
      isUrgent: ({ awaited }) => awaited || !this.#options.leisurely(),
      telemetry: this.#options.telemetry,
    });
  }

  async #complete(acks: Ack[], again: boolean): Promise<boolean[]> {
    const { engine, onEased } = this.#options;
    const written = await engine.complete(acks, again);
    // What had stopped for this has nobody else to set it going again. These are counted until they
    // are resolved.
    if (this.clogged) setImmediate(onEased);
    return written;
  }
}

function weigh({ transition }: Ack): number {
  return transition.answer?.bytes.length ?? 0;
}

/** What a job comes to that stops interrupt too often. Without our own stack, which says nothing about it. */
function exhausted(): Ending {
  const text = `Stops of its hosts have interrupted this job ${COUNTED_FROM} times in a row or more before it could end`;
  const error = new InterruptedError(`${text}, and no attempt is left: raise shutdownGracePeriod, or split the job`);
  error.stack = `${error.name}: ${error.message}`;
  return {
    answer: answerWith(ANSWER_KINDS.exhausted, packException(error)),
    error: `${error.name}: ${text}`,
  };
}
