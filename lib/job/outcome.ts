import type { Encoded } from "./answer.js";

/**
 * How one run of a job ended. Plain data, made in the thread, with its values already encoded, so
 * that the host's main loop only passes it on. `transition` turns it into the job's next state.
 */
export type Outcome =
  | CompletedOutcome
  | TooLargeOutcome
  | FailedOutcome
  | DiscardedOutcome
  | CancelledOutcome
  | SnoozedOutcome
  | QuarantinedOutcome
  | ReleasedOutcome
  | InterruptedOutcome;

/** Any outcome but an interruption. */
export type EndedOutcome = Exclude<Outcome, InterruptedOutcome>;

export interface CompletedOutcome {
  readonly type: "completed";
  /** null if `perform` returned nothing. */
  readonly result: Encoded | null;
}

/**
 * `perform` returned a value over the result limit. The job is completed anyway: another run would
 * not make the value smaller.
 */
export interface TooLargeOutcome {
  readonly type: "too_large";
  /** `[size, limit]` in bytes, encoded for the awaiter. `size` is before compression, at least. */
  readonly facts?: Encoded;
}

export interface FailedOutcome {
  readonly type: "failed";
  readonly error: Encoded;
  /** Name, message and stack for the row's error history. */
  readonly summary: string;
  /** ms until the retry, if the worker has a `backoff` of its own. */
  readonly backoff?: number;
}

export interface DiscardedOutcome {
  readonly type: "discarded";
  readonly reason: Encoded;
  readonly summary: string;
}

export interface CancelledOutcome {
  readonly type: "cancelled";
  readonly reason: Encoded;
  readonly summary: string;
}

export interface SnoozedOutcome {
  readonly type: "snoozed";
  readonly seconds: number;
  /** The seconds, encoded for the awaiter. */
  readonly value: Encoded;
}

/** The process in which the job ran alone has died, after hosts had died with the job. */
export interface QuarantinedOutcome {
  readonly type: "quarantined";
  readonly error: Encoded;
  readonly summary: string;
}

/**
 * The job did not run, or lost its thread through no fault of its own. It goes back to the queue;
 * the attempt does not count, and awaiters are not notified.
 */
export interface ReleasedOutcome {
  readonly type: "released";
}

/**
 * A stop of the host interrupted the job. It goes back to the queue, and the row counts the stop
 * (see `interruptions.ts`).
 */
export interface InterruptedOutcome {
  readonly type: "interrupted";
}
