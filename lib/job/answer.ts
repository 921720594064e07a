import type { JobState } from "./job.js";

/**
 * What an awaiter is told of a job: a kind and, for most kinds, a value in the codec's bytes. The row's `result` column
 * keeps the last one, an envelope carries it over NOTIFY, the mailbox hands it out. All three hold the same bytes.
 */

/** The wire's letters, see docs/architecture.md. */
export const ANSWER_KINDS = {
  /** Completed; `perform` returned nothing. */
  completed: "o",
  /** Completed with a value. */
  value: "v",
  /** Completed; what it returned is over the limit and gone. The value, if any, is `[size, limit]`. */
  tooLarge: "l",
  /** This attempt failed, the job will be retried. The value is the error. */
  failed: "e",
  /** Failed for good. The value is the error. */
  exhausted: "x",
  /** Discarded by the worker. The value is the reason. */
  discarded: "d",
  /** Cancelled. The value is the reason. */
  cancelled: "c",
  /** Snoozed, will run again. The value is the number of seconds. */
  snoozed: "s",
} as const;

export type AnswerKind = (typeof ANSWER_KINDS)[keyof typeof ANSWER_KINDS];

/** How an answer's bytes are to be read: `-` there are none, `b` as they are, `z` after inflating (deflate-raw). */
export type AnswerEncoding = "-" | "b" | "z";

export interface Answer {
  readonly kind: AnswerKind;
  readonly encoding: AnswerEncoding;
  readonly bytes: Uint8Array;
}

/** A value in the codec's bytes, as the thread hands it over. */
export interface Encoded {
  readonly encoding: "b" | "z";
  readonly bytes: Uint8Array;
}

/** Whether the job is over with this answer, or will run again. */
export function isFinalKind(kind: AnswerKind): boolean {
  return kind !== ANSWER_KINDS.failed && kind !== ANSWER_KINDS.snoozed;
}

/** Whether the job came through. */
export function isSuccessKind(kind: AnswerKind): boolean {
  return kind === ANSWER_KINDS.completed || kind === ANSWER_KINDS.value;
}

const KINDS: ReadonlySet<string> = new Set(Object.values(ANSWER_KINDS));

/** Whether a letter from the wire or a row is a kind that this release knows. */
export function isAnswerKind(letter: string): letter is AnswerKind {
  return KINDS.has(letter);
}

const NOTHING = new Uint8Array(0);

/** An answer without a value. */
export function bareAnswer(kind: AnswerKind): Answer {
  return { kind, encoding: "-", bytes: NOTHING };
}

/** An answer that carries a value. */
export function answerWith(kind: AnswerKind, { encoding, bytes }: Encoded): Answer {
  return { kind, encoding, bytes };
}

/** What the table knows of an awaited job, looked up by its ref. */
export interface StoredAnswer {
  readonly ref: string;
  readonly id: number;
  readonly state: JobState;
  readonly attempt: number;
  /** The host that claimed it last. */
  readonly host: string | null;
  /** The last outcome; null where no attempt has ended yet, and where it is large. */
  readonly answer: Answer | null;
  /** The bytes of an outcome that is too large to be read along with others; it is read by itself. */
  readonly large?: number | undefined;
}
