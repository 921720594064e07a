import type { Encoded } from "./answer.js";

/**
 * What one run of `perform` came to. The thread makes it as plain data, its values already in the codec's bytes, so that
 * the host's main loop only passes it on. `transition` turns it into the job's next state.
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

/** What an attempt ended in, rather than being interrupted. */
export type EndedOutcome = Exclude<Outcome, InterruptedOutcome>;

export interface CompletedOutcome {
  readonly type: "completed";
  /** null where `perform` returned nothing. */
  readonly result: Encoded | null;
}

/** `perform` returned a value over the result limit. The job is completed all the same: running it again would not shrink it. */
export interface TooLargeOutcome {
  readonly type: "too_large";
  /** `[size, limit]` in the codec's bytes, for the awaiter: how many bytes it had at least, uncompressed, and the limit. */
  readonly facts?: Encoded;
}

export interface FailedOutcome {
  readonly type: "failed";
  readonly error: Encoded;
  /** Name, message and stack for the row's error history. */
  readonly summary: string;
  /** ms until the retry, where the worker has a `backoff` of its own. */
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
  /** The seconds again, in the codec's bytes, for the awaiter. */
  readonly value: Encoded;
}

/** It ran in a process of its own, after others had died with it, and that has died as well. */
export interface QuarantinedOutcome {
  readonly type: "quarantined";
  readonly error: Encoded;
  readonly summary: string;
}

/** Not run, or lost with its thread by no fault of its own: given back, the attempt not counted, nobody told. */
export interface ReleasedOutcome {
  readonly type: "released";
}

/** Under way when its host stopped: given back, and the stop counted on its row (see `interruptions.ts`). */
export interface InterruptedOutcome {
  readonly type: "interrupted";
}
