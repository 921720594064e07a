import { show } from "../codec/show.js";
import { InvalidOptionError } from "../errors.js";
import { checkKeys } from "../keys.js";
import { Deadlines } from "./deadlines.js";
import type { Mailbox } from "./mailbox.js";
import { type AwaitContext, type CheckedAwaitOptions, OpenAwait, type Patience } from "./open-await.js";
import type { Reconciler } from "./reconciler.js";
import { checkRelay, type Relay } from "./relay.js";
import type { AwaitResult, Decode } from "./result.js";
import type { TimeoutReasons } from "./timeout-reasons.js";

/** The options of `await`, `awaitMany` and `call`. A number in their place is the timeout. */
export interface AwaitOptions {
  /**
   * How long in ms to wait before the await ends with `"timeout"`. 0 returns only a stored
   * outcome; `Infinity` waits for ever.
   *
   * At the deadline, Baton reads the row once more, so a stored result is never a timeout. This
   * takes longer if many awaits end together. Baton gives up after 1 s without any reply from the
   * database, or 10 s after a large result stops arriving.
   * @default 5_000
   */
  readonly timeout?: number;
  /**
   * Whether to wait for the job's final outcome, through retries and snoozes, instead of its first.
   * @default false
   */
  readonly withRetries?: boolean;
  /** Ends the await early: it rejects with the signal's reason. The job is not affected. */
  readonly signal?: AbortSignal;
}

const DEFAULT_TIMEOUT = 5_000;
const OVERDUE = 5_000;
const PATIENCE: Patience = { rows: 1_000, large: 10_000 };

/** As in `RelaysOptions`. */
export interface AwaiterOptions {
  readonly mailbox: Mailbox;
  readonly reconciler: Reconciler;
  readonly reasons: TimeoutReasons;
  readonly decode: Decode;
  readonly overdue?: number;
  readonly patience?: Patience;
}

/** Awaits relays: takes their answers from the mailbox, and reads the table before a timeout. */
export class Awaiter {
  readonly #context: AwaitContext;
  /** The calls that have not ended, by deadline. */
  readonly #open = new Deadlines<OpenAwait>((open) => open.onDue());

  constructor(options: AwaiterOptions) {
    this.#context = { overdue: OVERDUE, patience: PATIENCE, ...options, deadlines: this.#open };
  }

  /** Calls that have not ended. */
  get open(): number {
    return this.#open.size;
  }

  /** Awaits relays under one deadline. See `Relays.awaitMany`. */
  awaitMany(relays: readonly Relay[], options?: number | AwaitOptions): Promise<AwaitResult[]> {
    // Not an async function: thousands may be open, and each frame would take memory.
    return new Promise((resolve, reject) => {
      if (!Array.isArray(relays))
        throw new InvalidOptionError("relays", `must be an array of relays, not ${show(relays)}`);
      for (const relay of relays) checkRelay(relay);
      const checked = checkAwaitOptions(options);
      checked.signal?.throwIfAborted();
      new OpenAwait(this.#context, relays, checked, resolve, reject).begin();
    });
  }

  /** Awaits one relay. */
  awaitOne(relay: Relay, options?: number | AwaitOptions): Promise<AwaitResult> {
    return this.awaitMany([relay], options).then(first);
  }

  /** Rejects every open await. */
  stop(reason: Error): void {
    for (const open of this.#open) open.abort(reason);
  }
}

function first([result]: AwaitResult[]): AwaitResult {
  return result as AwaitResult;
}

const KNOWN = ["timeout", "withRetries", "signal"] as const;
const PLACE = { of: "await" } as const;

/**
 * Checks the options of an await and fills in their defaults.
 *
 * @throws {@link InvalidOptionError}
 */
export function checkAwaitOptions(options: number | AwaitOptions | undefined): CheckedAwaitOptions {
  const given = typeof options === "object" ? options : { timeout: options };
  if (given === null) throw new InvalidOptionError("await", "takes a timeout in ms, or an object of options, not null");
  checkKeys(given, KNOWN, PLACE);
  const { timeout = DEFAULT_TIMEOUT, withRetries = false, signal } = given as AwaitOptions;
  if (typeof timeout !== "number" || !(timeout >= 0)) {
    throw new InvalidOptionError(
      "timeout",
      `of await must be a number of ms, 0 or more, or Infinity, not ${show(timeout)}`,
    );
  }
  if (typeof withRetries !== "boolean")
    throw new InvalidOptionError("withRetries", `of await must be true or false, not ${show(withRetries)}`);
  if (signal !== undefined && !isAbortSignal(signal)) {
    throw new InvalidOptionError("signal", `of await must be an AbortSignal, not ${show(signal)}`);
  }
  return { timeout, withRetries, signal };
}

/**
 * Checks the methods rather than the class, since a test runner may have an
 * `AbortSignal` class of its own.
 */
function isAbortSignal(value: unknown): value is AbortSignal {
  if (typeof value !== "object" || value === null) return false;
  const { aborted, throwIfAborted, addEventListener } = value as Partial<AbortSignal>;
  return typeof aborted === "boolean" && typeof throwIfAborted === "function" && typeof addEventListener === "function";
}
