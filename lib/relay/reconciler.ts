import { ANSWER_KINDS, type Answer, type StoredAnswer } from "../job/answer.js";
import type { AnswerSource } from "./answer-source.js";
import type { Notifier, NotifierMode } from "../notifier.js";
import type { Telemetry } from "../telemetry.js";
import { type Ask, type Asker, Asks, type Occasion } from "./asks.js";
import { NOTIFYING, POLLING, restAfter } from "./lookups.js";
import type { Mailbox } from "./mailbox.js";

/** Refs a statement. */
const CHUNK = 1_000;
/** Large answers that are read together have no more bytes than this, unless it is one alone: one such read goes at a time. */
const LARGE_BYTES = 16 * 1_024 * 1_024;
const LARGE_CHUNK = 100;

const RECONCILE: Occasion = { via: "reconcile" };

/**
 * Looks up in the table what no notification brought, so that no await depends on one: what has been awaited for a while
 * (`lookups.ts` has when), everything after a gap in listening, refs of other processes, and what an await asks for at its
 * deadline. Large answers are read after the others, a few at a time, as what they share is memory.
 */
export class Reconciler {
  readonly #mailbox: Mailbox;
  readonly #notifier: Notifier;
  readonly #telemetry: Telemetry;
  readonly #reads: Asks;
  readonly #subscriptions: Asks;
  readonly #large: Asks;
  /** The mode that the pace of looks is for. */
  #mode: NotifierMode = "notify";
  #timer: NodeJS.Timeout | undefined;
  /** When the timer fires; -Infinity while a look is under way, which sets the next. */
  #wakeAt = Number.POSITIVE_INFINITY;
  /** No look begins before. */
  #restUntil = 0;
  /** Whether no look has been made since listening was interrupted. */
  #restored = false;
  #stopped = false;

  constructor(mailbox: Mailbox, source: AnswerSource, notifier: Notifier, telemetry: Telemetry) {
    this.#mailbox = mailbox;
    this.#notifier = notifier;
    this.#telemetry = telemetry;
    const shared = { limit: CHUNK, telemetry, onRow: this.#onRow.bind(this) };
    this.#reads = new Asks({ ...shared, name: "fetch", read: (refs) => source.readAnswers(refs) });
    this.#subscriptions = new Asks({ ...shared, name: "subscribe", read: (refs) => source.subscribe(refs) });
    this.#large = new Asks({
      name: "fetch large",
      limit: LARGE_CHUNK,
      maxSize: LARGE_BYTES,
      read: (refs, progress) => source.readLargeAnswers(refs, progress),
      onRow: this.#onLarge.bind(this),
      joins: true,
      telemetry,
    });
    notifier.onRestore(() => this.#onRestore());
  }

  /** Refs that wait to be read or are being read. */
  get pending(): number {
    return this.#reads.pending + this.#subscriptions.pending + this.#large.pending;
  }

  /** When the database last answered a read, by `performance.now()`, and when a part of a large answer last came. */
  get answeredAt(): { readonly read: number; readonly large: number } {
    return { read: this.#reads.answeredAt, large: this.#large.answeredAt };
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#reads.stop();
    this.#subscriptions.stop();
    this.#large.stop();
  }

  /** Somebody began to wait for a ref that is due to be looked up at this time, by `performance.now()`. */
  watch(due: number): void {
    if (this.#notifier.mode !== this.#mode) this.#restart();
    else if (due < this.#wakeAt) this.#wake(due);
  }

  /** Has this host notified of a job that another process inserted, and looks up what is there already. */
  subscribe(ref: string): void {
    this.#subscriptions.ask(ref, RECONCILE);
  }

  /** Looks up what a notification has announced, or what it has said (`hearsay`) if that is for the row to confirm. */
  fetch(ref: string, hearsay?: Answer): void {
    this.#reads.ask(ref, { via: "notify", hearsay });
    this.#reads.compact(this.#mailbox.size + CHUNK, (pending) => this.#mailbox.wants(pending));
  }

  /** Whether the row is still to confirm what a notification has said of this ref: what comes after it must not overtake it. */
  doubts(ref: string): boolean {
    return this.#reads.doubts(ref);
  }

  /** Looks a ref up for somebody who is called when that is done. */
  ask(ref: string, asker: Asker): void {
    this.#reads.ask(ref, RECONCILE, [asker]);
  }

  /** An await has ended: what is still to be read for it alone is not read. */
  letGo(ref: string, asker: Asker): void {
    if (this.pending === 0) return;
    for (const asks of [this.#reads, this.#subscriptions, this.#large]) {
      asks.withdraw(ref, asker);
      if (!this.#mailbox.awaits(ref)) asks.drop(ref);
    }
  }

  /** The timer does not keep the process alive: what is awaited does. */
  #wake(at: number): void {
    if (this.#stopped) return;
    clearTimeout(this.#timer);
    this.#wakeAt = at;
    if (at === Number.POSITIVE_INFINITY) return;
    this.#timer = setTimeout(() => void this.#look(), at - performance.now()).unref();
  }

  async #look(): Promise<void> {
    const { lookups } = this.#mailbox;
    const start = performance.now();
    const slots = lookups.take(start, CHUNK);
    if (slots.length > 0) {
      const reason = this.#restored ? "restore" : "sweep";
      this.#restored = false;
      this.#wakeAt = Number.NEGATIVE_INFINITY;
      const sweep = new Sweep(slots.length);
      for (const { ref } of slots) this.#reads.ask(ref, RECONCILE, [sweep]);
      const found = await sweep.done;
      this.#report(slots.length, found, reason);
      const now = performance.now();
      const rest = restAfter(lookups.pace, { refs: slots.length, found, ms: now - start });
      this.#restUntil = this.#restored ? 0 : now + rest;
    }
    this.#wake(Math.max(lookups.next, this.#restUntil));
  }

  #report(open: number, found: number, reason: string): void {
    if (found > 0 || reason === "restore") this.#telemetry.emit("reconcile", { open, found, reason });
    if (found > 0 && reason === "sweep" && this.#mode === "notify") this.#notifier.doubt();
  }

  #onRestore(): void {
    this.#reads.retryNow();
    this.#subscriptions.retryNow();
    this.#large.retryNow();
    this.#restored = true;
    this.#restart();
  }

  /** Everything is due at once; the mode may have changed, and with it the pace. */
  #restart(): void {
    const { lookups } = this.#mailbox;
    this.#mode = this.#notifier.mode;
    lookups.restart(this.#mode === "polling" ? POLLING : NOTIFYING, performance.now());
    this.#restUntil = 0;
    // What is under way may have read the rows before the gap was over; it sets the next look.
    if (this.#wakeAt !== Number.NEGATIVE_INFINITY) this.#wake(lookups.next);
  }

  #onRow(ref: string, row: StoredAnswer | null | undefined, { occasion, askers }: Ask): void {
    this.#confirm(ref, row, occasion.hearsay);
    const more = row?.large !== undefined && this.#mailbox.wants(ref);
    const news = more ? this.#askLarge(ref, row.large, occasion, askers) : this.#handOver(ref, row, occasion);
    for (const asker of askers) asker.onRow(ref, row, more, news);
  }

  /** The row keeps the last outcome. An earlier one may be true if the job is at a later attempt by now. */
  #confirm(ref: string, row: StoredAnswer | null | undefined, hearsay: Answer | undefined): void {
    if (hearsay?.kind !== ANSWER_KINDS.failed || (row?.attempt ?? 0) < 2) return;
    this.#mailbox.deliver(ref, { answer: hearsay, via: "notify" });
  }

  /** False where it is on its way already. */
  #askLarge(ref: string, size: number, { via }: Occasion, askers: Iterable<Asker>): boolean {
    const waiting = [...askers].filter((asker) => "onLarge" in asker);
    return this.#large.ask(ref, { via, size }, waiting);
  }

  #onLarge(ref: string, row: StoredAnswer | null | undefined, { occasion, askers }: Ask): void {
    this.#handOver(ref, row, occasion);
    for (const asker of askers) asker.onLarge?.(ref);
  }

  /** Delivers what a row says. False where that is nothing new. */
  #handOver(ref: string, row: StoredAnswer | null | undefined, { via }: Occasion): boolean {
    if (row === null) this.#mailbox.gone(ref);
    if (row === null || row === undefined) return false;
    const { answer, state, attempt, host } = row;
    return answer !== null && this.#mailbox.deliver(ref, { answer, via, state, attempt, host });
  }
}

/** One look at up to a thousand refs that are awaited. */
class Sweep implements Asker {
  #left: number;
  #found = 0;
  #resolve: (found: number) => void = () => {};
  /** For how many something new was found. */
  readonly done = new Promise<number>((resolve) => {
    this.#resolve = resolve;
  });

  constructor(refs: number) {
    this.#left = refs;
  }

  onRow(_ref: string, _row: StoredAnswer | null | undefined, _more: boolean, news: boolean): void {
    this.#left -= 1;
    if (news) this.#found += 1;
    if (this.#left === 0) this.#resolve(this.#found);
  }
}
