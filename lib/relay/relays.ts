import { type Answer, isFinalKind, isSuccessKind } from "../job/answer.js";
import type { Notifier } from "../notifier.js";
import type { Telemetry } from "../telemetry.js";
import type { AnswerSource } from "./answer-source.js";
import { Awaiter, type AwaitOptions } from "./awaiter.js";
import { ENVELOPE_VERSION, envelopeRef, parseEnvelope, STORED } from "./envelope.js";
import { type Delivery, Mailbox } from "./mailbox.js";
import type { Patience } from "./open-await.js";
import { Reconciler } from "./reconciler.js";
import type { Relay } from "./relay.js";
import type { AwaitResult, Decode } from "./result.js";
import { TimeoutReasons } from "./timeout-reasons.js";

export interface RelaysOptions {
  /** The source of stored answers: the engine. */
  readonly source: AnswerSource;
  readonly notifier: Notifier;
  readonly telemetry: Telemetry;
  readonly decode: Decode;
  /**
   * The age of a slot, in ms, from which an await reads the row at once, since it may be gone.
   *
   * @default 5_000
   */
  readonly overdue?: number;
  /**
   * How long an await outlives its deadline while the database is silent.
   *
   * @default { rows: 1_000, large: 10_000 }
   */
  readonly patience?: Patience;
}

/** How many relays a host awaits and holds. */
export interface RelaysStatus {
  /** Relays with at least one open await. */
  readonly awaited: number;
  /** Relays that have a slot, awaited or not. */
  readonly held: number;
}

/**
 * The awaiting half of a host. It opens a slot for each job that is inserted to be awaited,
 * delivers answers to slots, looks up missing ones in the table, and settles awaits.
 */
export class Relays {
  readonly #mailbox: Mailbox;
  readonly #reconciler: Reconciler;
  readonly #awaiter: Awaiter;
  readonly #telemetry: Telemetry;

  constructor({ source, notifier, telemetry, ...rest }: RelaysOptions) {
    this.#telemetry = telemetry;
    this.#mailbox = new Mailbox(telemetry);
    this.#reconciler = new Reconciler(this.#mailbox, source, notifier, telemetry);
    this.#awaiter = new Awaiter({
      mailbox: this.#mailbox,
      reconciler: this.#reconciler,
      reasons: new TimeoutReasons(source, telemetry),
      ...rest,
    });
  }

  /** Relays with at least one open await. */
  get awaited(): number {
    return this.#mailbox.awaited;
  }

  /** Calls of {@link await} and {@link awaitMany} that have not ended. */
  get openCalls(): number {
    return this.#awaiter.open;
  }

  /** Refs whose rows are queued to be read or are being read. */
  get pendingReads(): number {
    return this.#reconciler.pending;
  }

  status(): RelaysStatus {
    return { awaited: this.#mailbox.awaited, held: this.#mailbox.size };
  }

  /** Opens the slot of a job that is about to be inserted. */
  open(ref: string): void {
    this.#mailbox.open(ref);
  }

  /** Closes the slot of a job that was not inserted. */
  close(ref: string): void {
    this.#mailbox.close(ref);
  }

  /**
   * Receives a notification. Never throws: emits an event for one that is not an
   * envelope, or has no slot.
   */
  receive(payload: string): void {
    const ref = envelopeRef(payload);
    if (ref === null) return this.#reportUnknown(`not an envelope of version ${ENVELOPE_VERSION}`, payload);
    if (!this.#mailbox.has(ref)) return this.#telemetry.emit("envelope:unawaited", { ref });
    const envelope = parseEnvelope(payload);
    if (envelope === null) {
      this.#reportUnknown("a malformed envelope, or one of an unknown kind or encoding", payload);
      if (this.#mailbox.accepts(ref, "final")) this.#reconciler.lookUp(ref);
      return;
    }
    if (!this.#accept(ref, envelope.answer)) this.#telemetry.emit("envelope:repeated", { ref });
  }

  /** Delivers the answer of a job that this process ran. */
  deliver(ref: string, answer: Answer, facts: Omit<Delivery, "answer" | "via">): void {
    this.#mailbox.deliver(ref, { ...facts, answer, via: "local" });
  }

  /** Awaits one relay. See {@link awaitMany}. */
  await(relay: Relay, options?: number | AwaitOptions): Promise<AwaitResult> {
    return this.#awaiter.awaitOne(relay, options);
  }

  /**
   * Awaits relays under one deadline. The results are in the order of the relays. Never
   * rejects with a job's error.
   *
   * @throws `InvalidRelayError`, `InvalidOptionError`, the reason of an aborted
   * signal or of {@link stop}
   */
  awaitMany(relays: readonly Relay[], options?: number | AwaitOptions): Promise<AwaitResult[]> {
    return this.#awaiter.awaitMany(relays, options);
  }

  /** Rejects every open await with this reason, and reads nothing more. */
  stop(reason: Error): void {
    this.#awaiter.stop(reason);
    this.#reconciler.stop();
    this.#mailbox.stop();
  }

  /**
   * Accepts a notified answer; false if it is not new. Only a success is trusted at
   * once. The row has to confirm every other answer, since anyone can send a NOTIFY.
   */
  #accept(ref: string, answer: Answer | typeof STORED): boolean {
    const stored = answer === STORED;
    const success = !stored && isSuccessKind(answer.kind);
    if (success && !this.#reconciler.isConfirming(ref)) return this.#mailbox.deliver(ref, { answer, via: "notify" });
    const accepted = this.#mailbox.accepts(ref, stored || isFinalKind(answer.kind) ? "final" : "first");
    if (accepted) this.#reconciler.lookUp(ref, stored || success ? undefined : answer);
    return accepted;
  }

  #reportUnknown(reason: string, payload: string): void {
    this.#telemetry.emit("envelope:unknown", { reason, bytes: payload.length });
  }
}
