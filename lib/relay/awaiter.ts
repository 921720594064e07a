import { setTimeout as sleep } from "node:timers/promises";
import { InvalidOptionError } from "../errors.js";
import type { Delivery, Mailbox } from "./mailbox.js";
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
/** The longest time that setTimeout takes; who waits longer is woken in between. */
const LONGEST_TIMER = 2 ** 31 - 1;
/** ms that the last look at the rows may take, once the deadline has come. */
const LAST_LOOK = 1_000;
/** ms that large answers which are seen to be stored then get to arrive. */
const LAST_LARGE = 10_000;

/** Awaits relays: from the mailbox, with the table as the last word. */
export class Awaiter {
  readonly #mailbox: Mailbox;
  readonly #reconciler: Reconciler;
  readonly #decode: Decode;
  readonly #overdue: number;
  readonly #open = new Set<OpenAwait>();

  /** `overdue`: ms after which a slot without an answer is worth a look at its row, which may be gone. */
  constructor(mailbox: Mailbox, reconciler: Reconciler, decode: Decode, overdue = 5_000) {
    this.#mailbox = mailbox;
    this.#reconciler = reconciler;
    this.#decode = decode;
    this.#overdue = overdue;
  }

  /** How many calls are open. */
  get open(): number {
    return this.#open.size;
  }

  /**
   * The outcome of each relay, in their order. Rejects for misuse (`InvalidRelayError`, {@link InvalidOptionError}), by the
   * signal, and when stopped; never for a job's fate.
   */
  async awaitMany(relays: readonly Relay[], options?: number | AwaitOptions): Promise<AwaitResult[]> {
    if (!Array.isArray(relays)) throw new InvalidOptionError("relays", "must be an array of relays");
    for (const relay of relays) checkRelay(relay);
    const checked = checkAwaitOptions(options);
    checked.signal?.throwIfAborted();
    // Without a slot, it is another process's job, or one whose slot was given up: only the table can tell.
    const unknown = (ref: string): boolean => !this.#mailbox.has(ref) || this.#mailbox.overdue(ref, this.#overdue);
    const open = new OpenAwait(relays, checked, this.#mailbox, this.#reconciler, this.#decode, unknown);
    this.#open.add(open);
    try {
      return await open.run();
    } finally {
      this.#open.delete(open);
    }
  }

  /** Rejects every open await. */
  stop(reason: Error): void {
    for (const open of this.#open) open.abort(reason);
  }
}

/** One call of `await` or `awaitMany`, from its beginning to its end: whatever it holds is let go there. */
class OpenAwait {
  readonly #relays: readonly Relay[];
  readonly #options: CheckedAwaitOptions;
  readonly #mailbox: Mailbox;
  readonly #reconciler: Reconciler;
  readonly #decode: Decode;
  /** Whether a ref must be asked for in the table. */
  readonly #unknown: (ref: string) => boolean;
  readonly #results: (AwaitResult | undefined)[];
  readonly #releases: (() => void)[] = [];
  #left: number;
  #finish: () => void = () => {};
  #fail: (reason: unknown) => void = () => {};
  #timer: NodeJS.Timeout | undefined;

  constructor(
    relays: readonly Relay[],
    options: CheckedAwaitOptions,
    mailbox: Mailbox,
    reconciler: Reconciler,
    decode: Decode,
    unknown: (ref: string) => boolean,
  ) {
    this.#unknown = unknown;
    this.#relays = relays;
    this.#options = options;
    this.#mailbox = mailbox;
    this.#reconciler = reconciler;
    this.#decode = decode;
    this.#left = relays.length;
    this.#results = Array.from({ length: relays.length });
  }

  async run(): Promise<AwaitResult[]> {
    const { signal, timeout } = this.#options;
    const onAbort = () => this.abort(signal?.reason);
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      await new Promise<void>((resolve, reject) => {
        this.#finish = resolve;
        this.#fail = reject;
        for (const index of this.#relays.keys()) this.#begin(index);
        if (this.#left === 0) return resolve();
        this.#setTimer(performance.now() + timeout);
      });
    } finally {
      clearTimeout(this.#timer);
      for (const release of this.#releases) release();
      signal?.removeEventListener("abort", onAbort);
    }
    return this.#results as AwaitResult[];
  }

  abort(reason: unknown): void {
    this.#fail(reason);
  }

  #begin(index: number): void {
    const { ref } = this.#relays[index] as Relay;
    const { withRetries } = this.#options;
    const unknown = this.#unknown(ref);
    const there = this.#mailbox.peek(ref, withRetries);
    if (there !== null) return this.#settle(index, there);
    this.#releases.push(this.#mailbox.wait(ref, withRetries, (delivery) => this.#settle(index, delivery)));
    if (unknown) this.#reconciler.subscribe(ref);
    this.#reconciler.watch();
  }

  #settle(index: number, delivery: Delivery | "gone"): void {
    const relay = this.#relays[index] as Relay;
    if (this.#results[index] !== undefined) return;
    this.#results[index] = delivery === "gone" ? goneResult(relay) : toResult(relay, delivery, this.#decode);
    this.#left -= 1;
    if (this.#left === 0) this.#finish();
  }

  #setTimer(deadline: number): void {
    const left = deadline - performance.now();
    const wait = () => (left > LONGEST_TIMER ? this.#setTimer(deadline) : void this.#onDeadline());
    this.#timer = setTimeout(wait, Math.max(0, Math.min(left, LONGEST_TIMER)));
  }

  /** A stored result is never called a timeout: the rows have the last word, if they can be had in time. */
  async #onDeadline(): Promise<void> {
    const refs = this.#relays.flatMap(({ ref }, index) => (this.#results[index] === undefined ? [ref] : []));
    const { stored, large } = await within(LAST_LOOK, this.#reconciler.read(refs), NOTHING_STORED);
    await within(LAST_LARGE, large, undefined);
    for (const [index, relay] of this.#relays.entries()) {
      if (this.#results[index] === undefined) this.#results[index] = timeoutResult(relay, stored.get(relay.ref));
    }
    this.#finish();
  }
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
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new InvalidOptionError("signal", "of await must be an AbortSignal");
  }
  return { timeout, withRetries, signal };
}
