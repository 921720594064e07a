import { DecodeError } from "../errors.js";
import { isSuccessKind, type StoredAnswer } from "../job/answer.js";
import type { JobState } from "../job/job.js";
import type { UnservedReason } from "./answer-source.js";
import type { Deadlines } from "./deadlines.js";
import { type Delivery, isUnconfirmed, type Mailbox, type Waiter, type Which } from "./mailbox.js";
import type { Finding, RowListener } from "./read-queue.js";
import type { Reconciler } from "./reconciler.js";
import type { Relay } from "./relay.js";
import { type AwaitResult, type Decode, goneResult, timeoutResult, toResult } from "./result.js";
import type { TimeoutReasons } from "./timeout-reasons.js";

/** The states in which a job waits for a host. */
const WAITING: ReadonlySet<JobState> = new Set(["available", "scheduled", "retryable"]);

const NO_REASONS: ReadonlyMap<Relay, UnservedReason> = new Map();

/** How long an await outlives its deadline while the database is silent, in ms. */
export interface Patience {
  /** Until a row is read, of any await. */
  readonly rows: number;
  /** Until a part of a large answer arrives, of any await. */
  readonly large: number;
}

/** The services that all open awaits share. */
export interface AwaitContext {
  readonly mailbox: Mailbox;
  readonly reconciler: Reconciler;
  readonly reasons: TimeoutReasons;
  readonly decode: Decode;
  /** ms. See `RelaysOptions`. */
  readonly overdue: number;
  readonly patience: Patience;
  /** The open awaits themselves. */
  readonly deadlines: Deadlines<OpenAwait>;
}

/** `AwaitOptions` with their defaults. */
export interface CheckedAwaitOptions {
  readonly timeout: number;
  readonly withRetries: boolean;
  readonly signal: AbortSignal | undefined;
}

/** The lookup that an await makes at its deadline, before it times out. */
interface LastLookup {
  /** When it began, or last made progress. */
  since: number;
  /** Refs whose rows are still to be read. */
  readonly refs: Set<string>;
  /** Large answers that are still to arrive. */
  large: number;
  /** The rows that had no answer. Created with the first. */
  stored: Map<string, StoredAnswer> | undefined;
  /** Whether only the reasons of timeouts are still to come. */
  over: boolean;
}

/**
 * One call of `await` or `awaitMany`. Releases everything that it holds when it ends. There may be
 * many thousands, so state that few need is created on demand.
 */
export class OpenAwait implements RowListener {
  readonly #context: AwaitContext;
  readonly #relays: readonly Relay[];
  readonly #options: CheckedAwaitOptions;
  readonly #resolve: (results: AwaitResult[]) => void;
  readonly #reject: (reason: unknown) => void;
  /** By index of the relay. Created with the first result. */
  #results: (AwaitResult | undefined)[] | undefined;
  /** By index of the relay; undefined where the answer was there at the beginning. */
  readonly #waiters: (Waiter | undefined)[];
  /** Relays without a result. */
  #left: number;
  /** Its key in `context.deadlines`; -1 until `begin` has added it. */
  #deadline = -1;
  #onAbort: (() => void) | undefined;
  /** Set from its deadline to its end. */
  #lastLookup: LastLookup | undefined;

  constructor(
    context: AwaitContext,
    relays: readonly Relay[],
    options: CheckedAwaitOptions,
    resolve: (results: AwaitResult[]) => void,
    reject: (reason: unknown) => void,
  ) {
    this.#context = context;
    this.#relays = relays;
    this.#options = options;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#left = relays.length;
    this.#waiters = Array.from({ length: relays.length });
  }

  begin(): void {
    const { signal, timeout } = this.#options;
    for (const index of this.#relays.keys()) this.#wait(index);
    if (this.#left === 0) return this.#resolve((this.#results ?? []) as AwaitResult[]);
    this.#deadline = this.#context.deadlines.add(this, timeout);
    if (signal === undefined) return;
    this.#onAbort = () => this.abort(signal.reason);
    signal.addEventListener("abort", this.#onAbort, { once: true });
  }

  abort(reason: unknown): void {
    this.#end();
    this.#reject(reason);
  }

  /**
   * Called at its deadline, and after that whenever the last lookup may have run out of patience.
   */
  onDue(): void {
    if (this.#lastLookup === undefined) this.#lookUpOnceMore();
    else if (!this.#lastLookup.over) this.#checkProgress(this.#lastLookup);
  }

  onRow(ref: string, row: StoredAnswer | null | undefined, finding: Finding): void {
    const last = this.#lastLookup;
    if (last === undefined || !last.refs.delete(ref)) return;
    last.since = performance.now();
    if (finding === "large answer" || finding === "pending large answer") last.large += 1;
    else if (row !== null && row !== undefined) (last.stored ??= new Map()).set(ref, row);
    this.#concludeIfOver(last);
  }

  onLarge(): void {
    const last = this.#lastLookup;
    if (last === undefined || last.large === 0) return;
    last.since = performance.now();
    last.large -= 1;
    this.#concludeIfOver(last);
  }

  #wait(index: number): void {
    const { mailbox, reconciler, overdue } = this.#context;
    const { ref } = this.#relays[index] as Relay;
    // Only the table can tell if there is no slot, because another process inserted the job or the
    // slot was evicted, or if the slot is old, because the row may be gone.
    const unknown = !mailbox.has(ref) || mailbox.isOlder(ref, overdue);
    const there = mailbox.take(ref, this.#which);
    if (there !== null) return this.#settle(index, there);
    this.#enlist(index);
    if (unknown) reconciler.subscribe(ref);
  }

  #enlist(index: number): void {
    const { mailbox, reconciler } = this.#context;
    const { ref } = this.#relays[index] as Relay;
    const waiter = (this.#waiters[index] ??= (delivery) => this.#settle(index, delivery));
    reconciler.wakeBy(mailbox.wait(ref, this.#which, waiter));
  }

  get #which(): Which {
    return this.#options.withRetries ? "final" : "first";
  }

  #settle(index: number, delivery: Delivery | "gone"): void {
    const relay = this.#relays[index] as Relay;
    if (this.#has(index)) return;
    const result = delivery === "gone" ? goneResult(relay) : toResult(relay, delivery, this.#context.decode);
    if (delivery !== "gone" && isUnconfirmed(delivery) && isDamaged(delivery, result)) {
      return this.#retract(index, delivery);
    }
    this.#put(index, result);
    this.#left -= 1;
    // `begin` itself resolves a call whose last result comes before it has a deadline.
    if (this.#left === 0 && this.#deadline >= 0) this.#finish();
  }

  #has(index: number): boolean {
    return this.#results?.[index] !== undefined;
  }

  #put(index: number, result: AwaitResult): void {
    this.#results ??= Array.from({ length: this.#relays.length });
    this.#results[index] = result;
  }

  /** Drops a damaged or forged notification. The row has the answer, or will have it. */
  #retract(index: number, delivery: Delivery): void {
    const { mailbox, reconciler } = this.#context;
    const { ref } = this.#relays[index] as Relay;
    mailbox.retract(ref, delivery);
    this.#enlist(index);
    reconciler.lookUp(ref);
  }

  /** Reads the missing rows, for as long as the database replies: a stored result is no timeout. */
  #lookUpOnceMore(): void {
    const refs = new Set<string>();
    for (const [index, { ref }] of this.#relays.entries()) if (!this.#has(index)) refs.add(ref);
    this.#lastLookup = { since: performance.now(), refs, large: 0, stored: undefined, over: false };
    this.#waitUntilDue(this.#context.patience.rows);
    for (const ref of refs) this.#context.reconciler.lookUpFor(ref, this);
  }

  /**
   * Gives up on a silent database. Replies to other awaits count as progress too, because thousands
   * may make their last lookups at once.
   */
  #checkProgress(last: LastLookup): void {
    const reading = last.refs.size > 0;
    const { patience, reconciler } = this.#context;
    const { read, large } = reconciler.repliedAt;
    const silence = performance.now() - Math.max(last.since, reading ? read : large);
    const left = (reading ? patience.rows : patience.large) - silence;
    if (left > 0) return this.#waitUntilDue(left);
    if (reading) last.refs.clear();
    else last.large = 0;
    if (last.large > 0) this.#waitUntilDue(patience.large);
    this.#concludeIfOver(last);
  }

  #waitUntilDue(ms: number): void {
    const { deadlines } = this.#context;
    deadlines.delete(this, this.#deadline);
    this.#deadline = deadlines.add(this, ms);
  }

  #concludeIfOver(last: LastLookup): void {
    if (last.over || last.refs.size > 0 || last.large > 0) return;
    last.over = true;
    const waiting = this.#relays.filter(({ ref }, index) => {
      const state = last.stored?.get(ref)?.state;
      return !this.#has(index) && state !== undefined && WAITING.has(state);
    });
    if (waiting.length === 0) this.#timeOut(last, NO_REASONS);
    else void this.#timeOutWithReasons(last, waiting);
  }

  async #timeOutWithReasons(last: LastLookup, waiting: readonly Relay[]): Promise<void> {
    const reasons = await this.#context.reasons.lookUp(waiting);
    // The call may have ended meanwhile.
    if (this.#lastLookup === last) this.#timeOut(last, reasons);
  }

  #timeOut({ stored }: LastLookup, reasons: ReadonlyMap<Relay, UnservedReason>): void {
    for (const [index, relay] of this.#relays.entries()) {
      if (!this.#has(index)) this.#put(index, timeoutResult(relay, stored?.get(relay.ref), reasons.get(relay)));
    }
    this.#finish();
  }

  #finish(): void {
    this.#end();
    this.#resolve(this.#results as AwaitResult[]);
  }

  #end(): void {
    const { mailbox, reconciler, deadlines } = this.#context;
    this.#lastLookup = undefined;
    deadlines.delete(this, this.#deadline);
    for (const [index, waiter] of this.#waiters.entries()) {
      if (waiter === undefined) continue;
      const { ref } = this.#relays[index] as Relay;
      mailbox.release(ref, waiter);
      reconciler.withdraw(ref, this);
    }
    if (this.#onAbort !== undefined) this.#options.signal?.removeEventListener("abort", this.#onAbort);
  }
}

/** Whether the answer of a delivery could not be decoded. */
function isDamaged({ answer }: Delivery, result: AwaitResult): boolean {
  return !result.ok && (isSuccessKind(answer.kind) || result.error instanceof DecodeError);
}
