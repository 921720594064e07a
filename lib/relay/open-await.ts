import { DecodeError } from "../errors.js";
import { isSuccessKind, type StoredAnswer } from "../job/answer.js";
import type { JobState } from "../job/job.js";
import type { Unserved } from "./answer-source.js";
import type { Asker } from "./asks.js";
import type { Deadlines } from "./deadlines.js";
import { type Delivery, isHearsay, type Mailbox, type Waiter } from "./mailbox.js";
import type { Reasons } from "./reasons.js";
import type { Reconciler } from "./reconciler.js";
import type { Relay } from "./relay.js";
import { type AwaitResult, type Decode, goneResult, timeoutResult, toResult } from "./result.js";

/** The states in which a job waits for a host. */
const WAITING: ReadonlySet<JobState> = new Set(["available", "scheduled", "retryable"]);

const NO_REASONS: ReadonlyMap<Relay, Unserved> = new Map();

/** How long, in ms, an await whose deadline has come goes on without any sign of the database. */
export interface Patience {
  /** Until some row is read. */
  readonly rows: number;
  /** Until a part of a large answer arrives. */
  readonly large: number;
}

/** What open awaits work with. */
export interface Rooms {
  readonly mailbox: Mailbox;
  readonly reconciler: Reconciler;
  readonly reasons: Reasons;
  readonly decode: Decode;
  readonly overdue: number;
  readonly patience: Patience;
  readonly open: Deadlines<OpenAwait>;
}

export interface CheckedAwaitOptions {
  readonly timeout: number;
  readonly withRetries: boolean;
  readonly signal: AbortSignal | undefined;
}

/** The look at the rows that an await makes once its deadline has come. */
interface LastLook {
  /** When it began, or last came to know something. */
  since: number;
  /** The refs whose rows are still to be read. */
  readonly refs: Set<string>;
  /** How many large answers are still to come. */
  large: number;
  /** What rows said that have no answer. */
  stored: Map<string, StoredAnswer> | undefined;
  /** Nothing more is to come but the reasons of timeouts. */
  over: boolean;
}

/**
 * One call of `await` or `awaitMany`, from its beginning to its end: whatever it holds is let go there. There may be many
 * thousands: what only some need is made when they need it.
 */
export class OpenAwait implements Asker {
  readonly #rooms: Rooms;
  readonly #relays: readonly Relay[];
  readonly #options: CheckedAwaitOptions;
  readonly #resolve: (results: AwaitResult[]) => void;
  readonly #reject: (reason: unknown) => void;
  /** Made when the first is there. */
  #results: (AwaitResult | undefined)[] | undefined;
  readonly #waiters: (Waiter | undefined)[];
  #left: number;
  /** Where it stands among those that are open; -1 before it began. */
  #deadline = -1;
  #onAbort: (() => void) | undefined;
  #last: LastLook | undefined;

  constructor(
    rooms: Rooms,
    relays: readonly Relay[],
    options: CheckedAwaitOptions,
    resolve: (results: AwaitResult[]) => void,
    reject: (reason: unknown) => void,
  ) {
    this.#rooms = rooms;
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
    this.#deadline = this.#rooms.open.add(this, timeout);
    if (signal === undefined) return;
    this.#onAbort = () => this.abort(signal.reason);
    signal.addEventListener("abort", this.#onAbort, { once: true });
  }

  abort(reason: unknown): void {
    this.#end();
    this.#reject(reason);
  }

  /** Its deadline has come; or, after that, the time for which its last look may hear nothing. */
  onDue(): void {
    if (this.#last === undefined) this.#lookOnceMore();
    else if (!this.#last.over) this.#checkProgress(this.#last);
  }

  onRow(ref: string, row: StoredAnswer | null | undefined, more: boolean): void {
    const last = this.#last;
    if (last === undefined || !last.refs.delete(ref)) return;
    last.since = performance.now();
    if (more) last.large += 1;
    else if (row !== null && row !== undefined) (last.stored ??= new Map()).set(ref, row);
    this.#concludeIfOver(last);
  }

  onLarge(): void {
    const last = this.#last;
    if (last === undefined || last.large === 0) return;
    last.since = performance.now();
    last.large -= 1;
    this.#concludeIfOver(last);
  }

  #wait(index: number): void {
    const { mailbox, reconciler, overdue } = this.#rooms;
    const { ref } = this.#relays[index] as Relay;
    const { withRetries } = this.#options;
    // Without a slot, it is another process's job, or one whose slot was given up: only the table can tell.
    const unknown = !mailbox.has(ref) || mailbox.overdue(ref, overdue);
    const there = mailbox.peek(ref, withRetries);
    if (there !== null) return this.#settle(index, there);
    this.#enlist(index);
    if (unknown) reconciler.subscribe(ref);
  }

  #enlist(index: number): void {
    const { mailbox, reconciler } = this.#rooms;
    const { ref } = this.#relays[index] as Relay;
    const waiter = (this.#waiters[index] ??= (delivery) => this.#settle(index, delivery));
    reconciler.watch(mailbox.wait(ref, this.#options.withRetries, waiter));
  }

  #settle(index: number, delivery: Delivery | "gone"): void {
    const relay = this.#relays[index] as Relay;
    if (this.#has(index)) return;
    const result = delivery === "gone" ? goneResult(relay) : toResult(relay, delivery, this.#rooms.decode);
    if (delivery !== "gone" && isHearsay(delivery) && isDamaged(delivery, result)) {
      return this.#disbelieve(index, delivery);
    }
    this.#put(index, result);
    this.#left -= 1;
    // Not while it begins: that sees for itself whether anything is left.
    if (this.#left === 0 && this.#deadline >= 0) this.#finish();
  }

  #has(index: number): boolean {
    return this.#results?.[index] !== undefined;
  }

  #put(index: number, result: AwaitResult): void {
    this.#results ??= Array.from({ length: this.#relays.length });
    this.#results[index] = result;
  }

  /** A notification that was damaged, or forged, ends no await: the row has the answer, or will have it. */
  #disbelieve(index: number, delivery: Delivery): void {
    const { mailbox, reconciler } = this.#rooms;
    const { ref } = this.#relays[index] as Relay;
    mailbox.retract(ref, delivery);
    this.#enlist(index);
    reconciler.fetch(ref);
  }

  /** A stored result is never called a timeout: the rows have the last word, for as long as the database answers. */
  #lookOnceMore(): void {
    const refs = new Set<string>();
    for (const [index, { ref }] of this.#relays.entries()) if (!this.#has(index)) refs.add(ref);
    this.#last = { since: performance.now(), refs, large: 0, stored: undefined, over: false };
    this.#waitUntilDue(this.#rooms.patience.rows);
    for (const ref of refs) this.#rooms.reconciler.ask(ref, this);
  }

  /** Thousands may have their last look at the same time: what counts is whether the database answers any of them. */
  #checkProgress(last: LastLook): void {
    const reading = last.refs.size > 0;
    const { patience, reconciler } = this.#rooms;
    const { read, large } = reconciler.answeredAt;
    const silence = performance.now() - Math.max(last.since, reading ? read : large);
    const left = (reading ? patience.rows : patience.large) - silence;
    if (left > 0) return this.#waitUntilDue(left);
    if (reading) last.refs.clear();
    else last.large = 0;
    if (last.large > 0) this.#waitUntilDue(patience.large);
    this.#concludeIfOver(last);
  }

  #waitUntilDue(ms: number): void {
    const { open } = this.#rooms;
    open.delete(this, this.#deadline);
    this.#deadline = open.add(this, ms);
  }

  #concludeIfOver(last: LastLook): void {
    if (last.over || last.refs.size > 0 || last.large > 0) return;
    last.over = true;
    const waiting = this.#relays.filter(({ ref }, index) => {
      const state = last.stored?.get(ref)?.state;
      return !this.#has(index) && state !== undefined && WAITING.has(state);
    });
    if (waiting.length === 0) this.#timeOut(last, NO_REASONS);
    else void this.#timeOutWithReasons(last, waiting);
  }

  async #timeOutWithReasons(last: LastLook, waiting: readonly Relay[]): Promise<void> {
    const reasons = await this.#rooms.reasons.of(waiting);
    // It may have ended meanwhile.
    if (this.#last === last) this.#timeOut(last, reasons);
  }

  #timeOut({ stored }: LastLook, reasons: ReadonlyMap<Relay, Unserved>): void {
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
    const { mailbox, reconciler, open } = this.#rooms;
    this.#last = undefined;
    open.delete(this, this.#deadline);
    for (const [index, waiter] of this.#waiters.entries()) {
      if (waiter === undefined) continue;
      const { ref } = this.#relays[index] as Relay;
      mailbox.release(ref, waiter);
      reconciler.letGo(ref, this);
    }
    if (this.#onAbort !== undefined) this.#options.signal?.removeEventListener("abort", this.#onAbort);
  }
}

/** Whether an answer could not be decoded. */
function isDamaged({ answer }: Delivery, result: AwaitResult): boolean {
  return !result.ok && (isSuccessKind(answer.kind) || result.error instanceof DecodeError);
}
