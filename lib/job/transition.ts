import { ANSWER_KINDS, type Answer, answerWith, bareAnswer } from "./answer.js";
import type { JobState } from "./job.js";
import type { EndedOutcome } from "./outcome.js";

/** The next state of a job after an attempt, for its row and its awaiters. */
export interface Transition {
  readonly state: JobState;
  /** The answer for the row and the awaiters; null if the job was released. */
  readonly answer: Answer | null;
  /** ms from the database's current time until the job may run again; 0 for final states. */
  readonly delay: number;
  /** Whether the attempt counts. False for snoozed and released jobs. */
  readonly counted: boolean;
  /** The text of a new entry in the row's error history; null for none. */
  readonly error: string | null;
}

/** The number of the attempt, from 1, and of the attempts that the job gets. */
export interface AttemptCount {
  readonly attempt: number;
  readonly maxAttempts: number;
}

/**
 * Decides the next state of a job. `random` returns numbers in [0, 1), for the backoff's jitter.
 */
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
 * ms until a retry: 15 s plus 2^attempt s, and up to a tenth more as jitter, so that jobs which
 * failed together do not return together. The exponent is at most 20, about twelve days. Same as
 * Oban's default (`Oban.Worker.backoff/1`).
 */
export function backoff(attempt: number, random: () => number): number {
  const seconds = 15 + 2 ** Math.min(attempt, 20);
  return Math.round(seconds * 1_000 * (1 + random() / 10));
}

/** A job without a delay is available at once, rather than once a host sees that it is due. */
function again(state: "retryable" | "scheduled", delay: number): Pick<Transition, "state" | "delay"> {
  return { state: delay === 0 ? "available" : state, delay };
}

function final(state: JobState, answer: Answer, error: string | null = null): Transition {
  return { state, answer, delay: 0, counted: true, error };
}
