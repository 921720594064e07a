/** The values that a worker returns to say what becomes of its job, instead of a result. */

const CONTROL = Symbol.for("pg-baton.control");

/** Put the job off: run it again in this many seconds. The attempt does not count. */
export interface Snooze {
  readonly type: "snooze";
  readonly seconds: number;
}

/** Cancel the job: it ends as `cancelled` and is not retried. */
export interface Cancel {
  readonly type: "cancel";
  readonly reason: unknown;
}

/** Discard the job: it ends as `discarded` and is not retried. */
export interface Discard {
  readonly type: "discard";
  readonly reason: unknown;
}

export type Control = Snooze | Cancel | Discard;

/**
 * Returned by `perform`: run the job again in so many seconds (0 or more, up to a century), without using up an attempt.
 * Whoever awaits hears `"snoozed"`, or waits on with `withRetries`. Throws a RangeError for anything else.
 */
export function snooze(seconds: number): Snooze {
  if (!(typeof seconds === "number" && seconds >= 0 && seconds <= 100 * 365 * 86_400)) {
    throw new RangeError(`snooze takes a number of seconds from 0 to a century, not ${String(seconds)}`);
  }
  return control({ type: "snooze", seconds });
}

/** Returned by `perform`: end the job as cancelled. The reason reaches whoever awaits; any value that the codec carries. */
export function cancel(reason?: unknown): Cancel {
  return control({ type: "cancel", reason });
}

/** Returned by `perform`: end the job as discarded. The reason reaches whoever awaits; any value that the codec carries. */
export function discard(reason?: unknown): Discard {
  return control({ type: "discard", reason });
}

/** Whether a returned value is one of the three. Goes by a brand, so that two copies of the package agree. */
export function isControl(value: unknown): value is Control {
  return typeof value === "object" && value !== null && Object.hasOwn(value, CONTROL);
}

function control<T extends Control>(value: T): T {
  return Object.freeze(Object.defineProperty(value, CONTROL, { value: true }));
}
