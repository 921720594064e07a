const CONTROL = Symbol.for("pg-baton.control");

/** Returned by {@link snooze}: the job runs again later, and the attempt does not count. */
export interface Snooze {
  /** Distinguishes the three control values. */
  readonly type: "snooze";
  /** Seconds until the job runs again. */
  readonly seconds: number;
}

/** Returned by {@link cancel}: the job ends as `cancelled` and is not retried. */
export interface Cancel {
  /** Distinguishes the three control values. */
  readonly type: "cancel";
  /** The reason that awaiters get. */
  readonly reason: unknown;
}

/** Returned by {@link discard}: the job ends as `discarded` and is not retried. */
export interface Discard {
  /** Distinguishes the three control values. */
  readonly type: "discard";
  /** The reason that awaiters get. */
  readonly reason: unknown;
}

/** A value that `perform` returns instead of a result, to decide what happens to its job. */
export type Control = Snooze | Cancel | Discard;

/**
 * Snoozes the job if `perform` returns it: the job runs again later. The attempt does not count.
 *
 * Awaiters get `"snoozed"`; with `withRetries` they go on waiting.
 *
 * @param seconds From 0 to a century.
 * @throws RangeError for any other value.
 *
 * @example
 * ```ts
 * perform: (job) => (isReady(job.args.path) ? work(job.args.path) : snooze(60)),
 * ```
 */
export function snooze(seconds: number): Snooze {
  if (!(typeof seconds === "number" && seconds >= 0 && seconds <= 100 * 365 * 86_400)) {
    throw new RangeError(`snooze takes a number of seconds from 0 to a century, not ${String(seconds)}`);
  }
  return control({ type: "snooze", seconds });
}

/**
 * Cancels the job if `perform` returns it: the job ends as `cancelled` and is not retried.
 *
 * @param reason Any value that can be a result. Awaiters get it as `reason`.
 */
export function cancel(reason?: unknown): Cancel {
  return control({ type: "cancel", reason });
}

/**
 * Discards the job if `perform` returns it: the job ends as `discarded` and is not retried.
 *
 * @param reason Any value that can be a result. Awaiters get it as `reason`.
 */
export function discard(reason?: unknown): Discard {
  return control({ type: "discard", reason });
}

/**
 * Whether a value returned by `perform` is a control value, of this or another copy of the package.
 */
export function isControl(value: unknown): value is Control {
  return typeof value === "object" && value !== null && Object.hasOwn(value, CONTROL);
}

function control<T extends Control>(value: T): T {
  return Object.freeze(Object.defineProperty(value, CONTROL, { value: true }));
}
