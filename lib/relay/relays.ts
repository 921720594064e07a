import { type Answer, isFinalKind, isSuccessKind } from "../job/answer.js";
import type { Notifier } from "../notifier.js";
import type { Telemetry } from "../telemetry.js";
import type { AnswerSource } from "./answer-source.js";
import { Awaiter, type AwaitOptions } from "./awaiter.js";
import { ENVELOPE_VERSION, envelopeRef, FETCH, parseEnvelope } from "./envelope.js";
import { type Delivery, Mailbox } from "./mailbox.js";
import type { Patience } from "./open-await.js";
import { Reasons } from "./reasons.js";
import { Reconciler } from "./reconciler.js";
import type { Relay } from "./relay.js";
import type { AwaitResult, Decode } from "./result.js";

export interface RelaysOptions {
  /** Where stored answers are read: the engine. */
  readonly source: AnswerSource;
  readonly notifier: Notifier;
  readonly telemetry: Telemetry;
  readonly decode: Decode;
  /**
   * ms that a slot has existed before an await of it reads the row at once, which may be gone.
   *
   * @default 5_000
   */
  readonly overdue?: number;
  /** How long an await outlives its deadline while the database is silent. */
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
 * The awaiting half of a host. It opens a slot for each job that is inserted to be awaited, puts answers into slots as
 * they arrive, reads from the table what no notification brought, and settles awaits.
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
      reasons: new Reasons(source, telemetry),
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

  /** Receives a notification. Never throws: one that is no envelope, or for no slot, is counted and reported. */
  receive(payload: string): void {
    const ref = envelopeRef(payload);
    if (ref === null) return this.#reportUnknown(`not an envelope of version ${ENVELOPE_VERSION}`, payload);
    if (!this.#mailbox.has(ref)) return this.#telemetry.emit("envelope:unawaited", { ref });
    const envelope = parseEnvelope(payload);
    if (envelope === null) {
      this.#reportUnknown("a malformed envelope, or one of an unknown kind or encoding", payload);
      if (this.#mailbox.wants(ref)) this.#reconciler.fetch(ref);
      return;
    }
    if (!this.#accept(ref, envelope.answer)) this.#telemetry.emit("envelope:repeated", { ref });
  }

  /** Delivers an answer of this very process, once its row is written. */
  deliver(ref: string, answer: Answer, facts: Omit<Delivery, "answer" | "via">): void {
    this.#mailbox.deliver(ref, { ...facts, answer, via: "local" });
  }

  /** Awaits one relay. See {@link awaitMany}. */
  await(relay: Relay, options?: number | AwaitOptions): Promise<AwaitResult> {
    return this.#awaiter.awaitOne(relay, options);
  }

  /**
   * Awaits relays under one deadline; the results are in their order.
   *
   * @throws `InvalidRelayError`, `InvalidOptionError`, the reason of an aborted signal, or that of {@link stop}; never a
   * job's error.
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
   * Accepts a notified answer; false if it brings nothing new. Only a success is believed at once. Every other outcome is
   * confirmed by the row first, which nobody can forge with NOTIFY.
   */
  #accept(ref: string, answer: Answer | typeof FETCH): boolean {
    const success = answer !== FETCH && isSuccessKind(answer.kind);
    if (success && !this.#reconciler.doubts(ref)) return this.#mailbox.deliver(ref, { answer, via: "notify" });
    const wanted = this.#mailbox.wants(ref, answer === FETCH || isFinalKind(answer.kind));
    if (wanted) this.#reconciler.fetch(ref, answer === FETCH || success ? undefined : answer);
    return wanted;
  }

  #reportUnknown(reason: string, payload: string): void {
    this.#telemetry.emit("envelope:unknown", { reason, bytes: payload.length });
  }
}
