import { setTimeout as sleep } from "node:timers/promises";
import { InvalidOptionError } from "../errors.js";
import { Deadlines } from "./deadlines.js";
import type { Delivery, Mailbox, Waiter } from "./mailbox.js";
import type { Look, Reconciler } from "./reconciler.js";
import { checkRelay, type Relay } from "./relay.js";
import { type AwaitResult, type Decode, goneResult, timeoutResult, toResult } from "./result.js";

/** How to await. A number alone is the timeout. */
export interface AwaitOptions {
  /**
   * ms until the await ends with `"timeout"`; 0 asks for what is there. A large result that is stored by then, and on its way,
   * is waited for. Default 5,000; Infinity waits for ever.
   */
  readonly timeout?: number;
  /** Wait for the job's final outcome, through retries and snoozes, instead of its first. Default false. */
  readonly withRetries?: boolean;
  /** Ends the await early: it rejects with the signal's reason. The job goes on. */
  readonly signal?: AbortSignal;
}

const DEFAULT_TIMEOUT = 5_000;
/** ms that the last look at the rows may take, once the deadline has come. */
const LAST_LOOK = 1_000;
/** ms that large answers which are seen to be stored then get to arrive. */
const LAST_LARGE = 10_000;

/** Awaits relays: from the mailbox, with the table as the last word. */
export class Awaiter {
  readonly #rooms: Rooms;
  readonly #open = new Deadlines<OpenAwait>((open) => void open.lookOnceMore());

  /** `overdue`: ms after which a slot without an answer is worth a look at its row, which may be gone. */
  constructor(mailbox: Mailbox, reconciler: Reconciler, decode: Decode, overdue = 5_000) {
    this.#rooms = { mailbox, reconciler, decode, overdue, open: this.#open };
  }

  /** How many calls are open. */
  get open(): number {
    return this.#open.size;
  }

  /**
   * The outcome of each relay, in their order. Rejects for misuse (`InvalidRelayError`, {@link InvalidOptionError}), by the
   * signal, and when stopped; never for a job's fate.
   */
  awaitMany(relays: readonly Relay[], options?: number | AwaitOptions): Promise<AwaitResult[]> {
    // Thousands may be open: one promise each, and no frame of an async function.
    return new Promise((resolve, reject) => {
      if (!Array.isArray(relays)) throw new InvalidOptionError("relays", "must be an array of relays");
      for (const relay of relays) checkRelay(relay);
      const checked = checkAwaitOptions(options);
      checked.signal?.throwIfAborted();
      new OpenAwait(this.#rooms, relays, checked, resolve, reject).begin();
    });
  }

  /** Like {@link awaitMany}, for one. */
  awaitOne(relay: Relay, options?: number | AwaitOptions): Promise<AwaitResult> {
    return this.awaitMany([relay], options).then(first);
  }

  /** Rejects every open await. */
  stop(reason: Error): void {
    for (const open of this.#open) open.abort(reason);
  }
}

/** What open awaits work with. */
interface Rooms {
  readonly mailbox: Mailbox;
  readonly reconciler: Reconciler;
  readonly decode: Decode;
  readonly overdue: number;
  readonly open: Deadlines<OpenAwait>;
}

/** One call of `await` or `awaitMany`, from its beginning to its end: whatever it holds is let go there. */
class OpenAwait {
  readonly #rooms: Rooms;
  readonly #relays: readonly Relay[];
  readonly #options: CheckedAwaitOptions;
  readonly #resolve: (results: AwaitResult[]) => void;
  readonly #reject: (reason: unknown) => void;
  readonly #results: (AwaitResult | undefined)[];
  readonly #waiters: (Waiter | undefined)[];
  #left: number;
  /** Where it stands among those that are open; NaN before it began. */
  #deadline = Number.NaN;
  #onAbort: (() => void) | undefined;

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
    this.#results = Array.from({ length: relays.length });
    this.#waiters = Array.from({ length: relays.length });
  }

  begin(): void {
    const { signal, timeout } = this.#options;
    for (const index of this.#relays.keys()) this.#wait(index);
    if (this.#left === 0) return this.#resolve(this.#results as AwaitResult[]);
    this.#deadline = this.#rooms.open.add(this, timeout);
    if (signal === undefined) return;
    this.#onAbort = () => this.abort(signal.reason);
    signal.addEventListener("abort", this.#onAbort, { once: true });
  }

  abort(reason: unknown): void {
    this.#end();
    this.#reject(reason);
  }

  /** At the deadline. A stored result is never called a timeout: the rows have the last word, if they can be had in time. */
  async lookOnceMore(): Promise<void> {
    const refs = this.#relays.flatMap(({ ref }, index) => (this.#results[index] === undefined ? [ref] : []));
    const { stored, large } = await within(LAST_LOOK, this.#rooms.reconciler.read(refs), NOTHING_STORED);
    await within(LAST_LARGE, large, undefined);
    for (const [index, relay] of this.#relays.entries()) {
      if (this.#results[index] === undefined) this.#results[index] = timeoutResult(relay, stored.get(relay.ref));
    }
    this.#finish();
  }

  #wait(index: number): void {
    const { mailbox, reconciler, overdue } = this.#rooms;
    const { ref } = this.#relays[index] as Relay;
    const { withRetries } = this.#options;
    // Without a slot, it is another process's job, or one whose slot was given up: only the table can tell.
    const unknown = !mailbox.has(ref) || mailbox.overdue(ref, overdue);
    const there = mailbox.peek(ref, withRetries);
    if (there !== null) return this.#settle(index, there);
    const waiter: Waiter = (delivery) => this.#settle(index, delivery);
    this.#waiters[index] = waiter;
    mailbox.wait(ref, withRetries, waiter);
    if (unknown) reconciler.subscribe(ref);
    reconciler.watch();
  }

  #settle(index: number, delivery: Delivery | "gone"): void {
    const relay = this.#relays[index] as Relay;
    if (this.#results[index] !== undefined) return;
    this.#results[index] = delivery === "gone" ? goneResult(relay) : toResult(relay, delivery, this.#rooms.decode);
    this.#left -= 1;
    // Not while it begins: that sees for itself whether anything is left.
    if (this.#left === 0 && !Number.isNaN(this.#deadline)) this.#finish();
  }

  #finish(): void {
    this.#end();
    this.#resolve(this.#results as AwaitResult[]);
  }

  #end(): void {
    const { mailbox, open } = this.#rooms;
    open.delete(this, this.#deadline);
    for (const [index, waiter] of this.#waiters.entries()) {
      if (waiter !== undefined) mailbox.release((this.#relays[index] as Relay).ref, waiter);
    }
    if (this.#onAbort !== undefined) this.#options.signal?.removeEventListener("abort", this.#onAbort);
  }
}

function first([result]: AwaitResult[]): AwaitResult {
  return result as AwaitResult;
}

const NOTHING_STORED: Pick<Look, "stored" | "large"> = { stored: new Map(), large: Promise.resolve() };

/** What a promise resolves to, or `otherwise` where it rejects or takes longer than so many ms. */
async function within<Result>(ms: number, promise: Promise<Result>, otherwise: Result): Promise<Result> {
  const done = new AbortController();
  const enough = sleep(ms, otherwise, { signal: done.signal }).catch(() => otherwise);
  const result = await Promise.race([promise.catch(() => otherwise), enough]);
  done.abort();
  return result;
}

interface CheckedAwaitOptions {
  readonly timeout: number;
  readonly withRetries: boolean;
  readonly signal: AbortSignal | undefined;
}

const KNOWN = ["timeout", "withRetries", "signal"];

/** Checks what `await` was given and fills in the defaults. Throws {@link InvalidOptionError}. */
export function checkAwaitOptions(options: number | AwaitOptions | undefined): CheckedAwaitOptions {
  const given = typeof options === "object" ? options : { timeout: options };
  if (given === null) throw new InvalidOptionError("await", "takes a timeout in ms, or an object of options, not null");
  const unknown = Object.keys(given).find((key) => !KNOWN.includes(key));
  if (unknown !== undefined)
    throw new InvalidOptionError(unknown, `of await is not known. There are: ${KNOWN.join(", ")}`);
  const { timeout = DEFAULT_TIMEOUT, withRetries = false, signal } = given as AwaitOptions;
  if (typeof timeout !== "number" || !(timeout >= 0)) {
    throw new InvalidOptionError("timeout", "of await must be a number of ms, 0 or more, or Infinity");
  }
  if (typeof withRetries !== "boolean") throw new InvalidOptionError("withRetries", "of await must be true or false");
  if (signal !== undefined && !isAbortSignal(signal)) {
    throw new InvalidOptionError("signal", "of await must be an AbortSignal");
  }
  return { timeout, withRetries, signal };
}

/** Goes by its methods, since a test runner may bring an AbortSignal class of its own. */
function isAbortSignal(value: unknown): value is AbortSignal {
  if (typeof value !== "object" || value === null) return false;
  const { aborted, throwIfAborted, addEventListener } = value as Partial<AbortSignal>;
  return typeof aborted === "boolean" && typeof throwIfAborted === "function" && typeof addEventListener === "function";
}
