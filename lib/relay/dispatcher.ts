import { type Answer, isFinalKind, isSuccessKind } from "../job/answer.js";
import type { Telemetry } from "../telemetry.js";
import { FETCH, parseEnvelope, envelopeRef } from "./envelope.js";
import type { Delivery, Mailbox } from "./mailbox.js";
import type { Reconciler } from "./reconciler.js";

/** Takes answers to their slots: from notifications, which may be anything, and from this process's own executor. */
export class Dispatcher {
  readonly #mailbox: Mailbox;
  readonly #reconciler: Reconciler;
  readonly #telemetry: Telemetry;

  constructor(mailbox: Mailbox, reconciler: Reconciler, telemetry: Telemetry) {
    this.#mailbox = mailbox;
    this.#reconciler = reconciler;
    this.#telemetry = telemetry;
  }

  /** Takes in a notification. Never throws: what is no envelope, or nobody's, is counted and reported. */
  receive(payload: string): void {
    const ref = envelopeRef(payload);
    if (ref === null) return this.#unknown("no envelope of a version known here", payload);
    if (!this.#mailbox.has(ref)) return this.#telemetry.emit("envelope:unawaited", { ref });
    const envelope = parseEnvelope(payload);
    if (envelope === null) {
      this.#unknown("a malformed envelope, or a kind not known here", payload);
      if (this.#mailbox.wants(ref)) this.#reconciler.fetch(ref);
      return;
    }
    if (!this.#take(ref, envelope.answer)) this.#telemetry.emit("envelope:repeated", { ref });
  }

  /** Only a success is believed as it comes. Of any other outcome the row has the word, which nobody can forge by NOTIFY. */
  #take(ref: string, answer: Answer | typeof FETCH): boolean {
    const success = answer !== FETCH && isSuccessKind(answer.kind);
    if (success && !this.#reconciler.doubts(ref)) return this.#mailbox.deliver(ref, { answer, via: "notify" });
    const wanted = this.#mailbox.wants(ref, answer === FETCH || isFinalKind(answer.kind));
    if (wanted) this.#reconciler.fetch(ref, answer === FETCH || success ? undefined : answer);
    return wanted;
  }

  /** Hands over an outcome of this very process, after its row was written. */
  deliver(ref: string, answer: Answer, facts: Omit<Delivery, "answer" | "via">): void {
    this.#mailbox.deliver(ref, { ...facts, answer, via: "local" });
  }

  #unknown(reason: string, payload: string): void {
    this.#telemetry.emit("envelope:unknown", { reason, bytes: payload.length });
  }
}
