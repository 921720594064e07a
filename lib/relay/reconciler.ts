import { ANSWER_KINDS, type Answer, type StoredAnswer } from "../job/answer.js";
import type { Notifier, NotifierMode } from "../notifier.js";
import type { Telemetry } from "../telemetry.js";
import type { AnswerSource } from "./answer-source.js";
import { NOTIFYING, POLLING, restAfter } from "./lookups.js";
import type { Mailbox } from "./mailbox.js";
import { type Finding, type PendingRead, ReadQueue, type ReadRequest, type RowListener } from "./read-queue.js";

/** Refs in one statement at most. */
const CHUNK = 1_000;
/**
 * Bytes of large answers in one statement at most, since they share memory. A
 * larger answer is read alone.
 */
const LARGE_BYTES = 16 * 1_024 * 1_024;
const LARGE_CHUNK = 100;

const RECONCILE: ReadRequest = { via: "reconcile" };

/**
 * Looks up answers in the table, so that no await depends on a notification: of refs that have been
 * awaited for a while (`lookups.ts`), of every awaited ref after a gap in listening, of relays from
 * other processes, and of refs without an answer at an await's deadline. Large answers are read
 * after the others, a few at a time.
 */
export class Reconciler {
  readonly #mailbox: Mailbox;
  readonly #notifier: Notifier;
  readonly #telemetry: Telemetry;
  /** Reads states, and answers that are not large. */
  readonly #reads: ReadQueue;
  /** Like {@link #reads}, and subscribes this host. */
  readonly #subscriptions: ReadQueue;
  readonly #large: ReadQueue;
  /** The notifier's mode for which `mailbox.lookups` is scheduled. */
  #mode: NotifierMode = "notify";
  #timer: NodeJS.Timeout | undefined;
  /** When the timer fires; Infinity without one, -Infinity during a lookup, which sets the next. */
  #wakeAt = Number.POSITIVE_INFINITY;
  /** No lookup begins before this time. */
  #restUntil = 0;
  /** Whether no lookup has begun since listening was restored after a gap. */
  #restored = false;
  #stopped = false;

  constructor(mailbox: Mailbox, source: AnswerSource, notifier: Notifier, telemetry: Telemetry) {
    this.#mailbox = mailbox;
    this.#notifier = notifier;
    this.#telemetry = telemetry;
    const shared = { limit: CHUNK, telemetry, onRow: this.#onRow.bind(this) };
    this.#reads = new ReadQueue({ ...shared, name: "fetch", read: (refs) => source.readAnswers(refs) });
    this.#subscriptions = new ReadQueue({ ...shared, name: "subscribe", read: (refs) => source.subscribe(refs) });
    this.#large = new ReadQueue({
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

  /** Refs that are queued or being read. */
  get pending(): number {
    return this.#reads.pending + this.#subscriptions.pending + this.#large.pending;
  }

  /**
   * When the database last replied to a read, and last sent a part of a large
   * answer, by `performance.now()`.
   */
  get repliedAt(): { readonly read: number; readonly large: number } {
    return { read: this.#reads.repliedAt, large: this.#large.repliedAt };
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#reads.stop();
    this.#subscriptions.stop();
    this.#large.stop();
  }

  /**
   * Ensures that the lookup of a newly awaited ref begins when it is due, by `performance.now()`.
   */
  wakeBy(due: number): void {
    if (this.#notifier.mode !== this.#mode) this.#restart();
    else if (due < this.#wakeAt) this.#wake(due);
  }

  /**
   * Subscribes this host to a job that another process inserted, and reads its
   * answer if there is one.
   */
  subscribe(ref: string): void {
    this.#subscriptions.push(ref, RECONCILE);
  }

  /**
   * Looks up a ref after a notification: for the stored answer, or to confirm the
   * `unconfirmed` one that it brought.
   */
  lookUp(ref: string, unconfirmed?: Answer): void {
    this.#reads.push(ref, { via: "notify", unconfirmed });
    this.#reads.compact(this.#mailbox.size + CHUNK, (pending) => this.#mailbox.accepts(pending, "final"));
  }

  /**
   * Whether a pending lookup has to confirm a notification of this ref. Later
   * notifications must not overtake it.
   */
  isConfirming(ref: string): boolean {
    return this.#reads.isConfirming(ref);
  }

  /** Looks up a ref, and calls the listener back. */
  lookUpFor(ref: string, listener: RowListener): void {
    this.#reads.push(ref, RECONCILE, [listener]);
  }

  /**
   * Withdraws the listener of an await that has ended, and drops pending reads
   * that no other await needs.
   */
  withdraw(ref: string, listener: RowListener): void {
    if (this.pending === 0) return;
    for (const reads of [this.#reads, this.#subscriptions, this.#large]) {
      reads.withdraw(ref, listener);
      if (!this.#mailbox.awaits(ref)) reads.drop(ref);
    }
  }

  /** The timer is unreferenced: open awaits keep the process alive. */
  #wake(at: number): void {
    if (this.#stopped) return;
    clearTimeout(this.#timer);
    this.#wakeAt = at;
    if (at === Number.POSITIVE_INFINITY) return;
    this.#timer = setTimeout(() => void this.#lookUpDue(), Math.max(0, at - performance.now())).unref();
  }

  async #lookUpDue(): Promise<void> {
    const { lookups } = this.#mailbox;
    const start = performance.now();
    const slots = lookups.takeDue(start, CHUNK);
    if (slots.length > 0) {
      const reason = this.#restored ? "restore" : "sweep";
      this.#restored = false;
      this.#wakeAt = Number.NEGATIVE_INFINITY;
      const sweep = new Sweep(slots.length);
      for (const { ref } of slots) this.#reads.push(ref, RECONCILE, [sweep]);
      const found = await sweep.done;
      this.#report(slots.length, found, reason);
      const now = performance.now();
      const rest = restAfter(lookups.schedule, { refs: slots.length, found, ms: now - start });
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

  /** Makes every lookup due now, on the schedule of the notifier's mode. */
  #restart(): void {
    const { lookups } = this.#mailbox;
    this.#mode = this.#notifier.mode;
    lookups.restart(this.#mode === "polling" ? POLLING : NOTIFYING, performance.now());
    this.#restUntil = 0;
    // A lookup under way may have read its rows before the gap was over. It sets the next wake-up.
    if (this.#wakeAt !== Number.NEGATIVE_INFINITY) this.#wake(lookups.next);
  }

  #onRow(ref: string, row: StoredAnswer | null | undefined, { request, listeners }: PendingRead): void {
    this.#confirm(ref, row, request.unconfirmed);
    let finding: Finding;
    if (row?.large !== undefined && this.#mailbox.accepts(ref, "final")) {
      finding = this.#readLarge(ref, row.large, request, listeners) ? "large answer" : "pending large answer";
    } else {
      finding = this.#deliver(ref, row, request) ? "new answer" : "nothing new";
    }
    for (const listener of listeners) listener.onRow(ref, row, finding);
  }

  /**
   * Delivers an unconfirmed failure that the row cannot contradict: the row keeps only the last
   * outcome, and may be at a later attempt by now.
   */
  #confirm(ref: string, row: StoredAnswer | null | undefined, unconfirmed: Answer | undefined): void {
    if (unconfirmed?.kind !== ANSWER_KINDS.failed || (row?.attempt ?? 0) < 2) return;
    this.#mailbox.deliver(ref, { answer: unconfirmed, via: "notify" });
  }

  /** Queues the read of a large answer; false if it is pending already. */
  #readLarge(ref: string, size: number, { via }: ReadRequest, listeners: Iterable<RowListener>): boolean {
    const waiting = [...listeners].filter((listener) => "onLarge" in listener);
    return this.#large.push(ref, { via, size }, waiting);
  }

  #onLarge(ref: string, row: StoredAnswer | null | undefined, { request, listeners }: PendingRead): void {
    this.#deliver(ref, row, request);
    for (const listener of listeners) listener.onLarge?.(ref);
  }

  /** Delivers the answer of a row; false if it is not new. */
  #deliver(ref: string, row: StoredAnswer | null | undefined, { via }: ReadRequest): boolean {
    if (row === null) this.#mailbox.gone(ref);
    if (row === null || row === undefined) return false;
    const { answer, state, attempt, host } = row;
    return answer !== null && this.#mailbox.deliver(ref, { answer, via, state, attempt, host });
  }
}

/** One scheduled lookup of up to {@link CHUNK} awaited refs. */
class Sweep implements RowListener {
  /** Refs whose rows are still to be read. */
  #left: number;
  #found = 0;
  #resolve: (found: number) => void = () => {};
  /** Resolves to the number of refs with a new answer. */
  readonly done = new Promise<number>((resolve) => {
    this.#resolve = resolve;
  });

  constructor(refs: number) {
    this.#left = refs;
  }

  onRow(_ref: string, _row: StoredAnswer | null | undefined, finding: Finding): void {
    this.#left -= 1;
    if (finding === "new answer" || finding === "large answer") this.#found += 1;
    if (this.#left === 0) this.#resolve(this.#found);
  }
}
