import { ANSWER_KINDS, type Answer, answerWith, bareAnswer } from "./answer.js";
import type { JobState } from "./job.js";
import type { EndedOutcome } from "./outcome.js";

/** What is written to the row, and told to its awaiters, after an attempt. */
export interface Transition {
  readonly state: JobState;
  /** What awaiters are told and the row keeps; null where the attempt did not count and nobody is told. */
  readonly answer: Answer | null;
  /** ms until the job may run again, from the database's now; 0 for final states. */
  readonly delay: number;
  /** Whether the attempt counts: false for snoozes and jobs given back. */
  readonly counted: boolean;
  /** An entry for the row's error history. */
  readonly error: string | null;
}

/** Where the job stood when the attempt began. */
export interface AttemptCount {
  readonly attempt: number;
  readonly maxAttempts: number;
}

/** Decides a job's next state from what its attempt came to. `random` yields numbers in [0, 1), for the backoff's jitter. */
export function transition(
  outcome: EndedOutcome,
  { attempt, maxAttempts }: AttemptCount,
  random: () => number,
): Transition {
  switch (outcome.type) {
    case "completed":
      return final(
        "completed",
        outcome.result === null ? bareAnswer(ANSWER_KINDS.completed) : answerWith(ANSWER_KINDS.value, outcome.result),
      );
    case "too_large":
      return final(
        "completed",
        outcome.facts === undefined
          ? bareAnswer(ANSWER_KINDS.tooLarge)
          : answerWith(ANSWER_KINDS.tooLarge, outcome.facts),
      );
    case "discarded":
      return final("discarded", answerWith(ANSWER_KINDS.discarded, outcome.reason), outcome.summary);
    case "cancelled":
      return final("cancelled", answerWith(ANSWER_KINDS.cancelled, outcome.reason), outcome.summary);
    case "quarantined":
      return final("discarded", answerWith(ANSWER_KINDS.exhausted, outcome.error), outcome.summary);
    case "failed":
      if (attempt >= maxAttempts) {
        return final("discarded", answerWith(ANSWER_KINDS.exhausted, outcome.error), outcome.summary);
      }
      return {
        ...again("retryable", outcome.backoff ?? backoff(attempt, random)),
        answer: answerWith(ANSWER_KINDS.failed, outcome.error),
        counted: true,
        error: outcome.summary,
      };
    case "snoozed":
      return {
        ...again("scheduled", outcome.seconds * 1_000),
        answer: answerWith(ANSWER_KINDS.snoozed, outcome.value),
        counted: false,
        error: null,
      };
    case "released":
      return { state: "available", answer: null, delay: 0, counted: false, error: null };
  }
}

/**
 * ms until a retry: 15 s plus 2^attempt s, plus up to a tenth of it so that jobs that failed together do not come back
 * together. The attempt is capped at 20, about twelve days. Oban's default (`Oban.Worker.backoff/1`).
 */
export function backoff(attempt: number, random: () => number): number {
  const seconds = 15 + 2 ** Math.min(attempt, 20);
  return Math.round(seconds * 1_000 * (1 + random() / 10));
}

/** What runs again at once need not wait until somebody sees that its time has come. */
function again(state: "retryable" | "scheduled", delay: number): Pick<Transition, "state" | "delay"> {
  return { state: delay === 0 ? "available" : state, delay };
}

function final(state: JobState, answer: Answer, error: string | null = null): Transition {
  return { state, answer, delay: 0, counted: true, error };
}
