import type { JobState } from "./job.js";

/**
 * What an awaiter gets about a job: a kind and, for most kinds, a value in the codec's bytes. The
 * row's `result` column keeps the last answer, an envelope carries it over NOTIFY, and the mailbox
 * hands it out. All three hold the same bytes.
 */

/** The kinds by their letters on the wire; see docs/architecture.md. */
export const ANSWER_KINDS = {
  /** The job completed; `perform` returned nothing. */
  completed: "o",
  /** The job completed with a value. */
  value: "v",
  /** The job completed; its result was over the limit. The value, if any, is `[size, limit]`. */
  tooLarge: "l",
  /** The attempt failed; the job will be retried. The value is the error. */
  failed: "e",
  /** The job failed for good. The value is the error. */
  exhausted: "x",
  /** The worker discarded the job. The value is the reason. */
  discarded: "d",
  /** The job was cancelled. The value is the reason. */
  cancelled: "c",
  /** The job will run again later. The value is the number of seconds. */
  snoozed: "s",
} as const;

export type AnswerKind = (typeof ANSWER_KINDS)[keyof typeof ANSWER_KINDS];

/** How the bytes are stored: `-` none, `b` as encoded, `z` compressed with raw deflate. */
export type AnswerEncoding = "-" | "b" | "z";

export interface Answer {
  readonly kind: AnswerKind;
  readonly encoding: AnswerEncoding;
  readonly bytes: Uint8Array;
}

/** A value in the codec's bytes, as a thread sends it. */
export interface Encoded {
  readonly encoding: "b" | "z";
  readonly bytes: Uint8Array;
}

/** Whether the job is final with this answer. If not, it runs again. */
export function isFinalKind(kind: AnswerKind): boolean {
  return kind !== ANSWER_KINDS.failed && kind !== ANSWER_KINDS.snoozed;
}

/** Whether the job completed. */
export function isSuccessKind(kind: AnswerKind): boolean {
  return kind === ANSWER_KINDS.completed || kind === ANSWER_KINDS.value;
}

const KINDS: ReadonlySet<string> = new Set(Object.values(ANSWER_KINDS));

/** Whether this release knows the kind of a letter from the wire or a row. */
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

/** An awaited job's row, looked up by its ref. */
export interface StoredAnswer {
  readonly ref: string;
  readonly id: number;
  readonly state: JobState;
  readonly attempt: number;
  /** The host that claimed it last. */
  readonly host: string | null;
  /** The last answer; null if no attempt has ended yet, or if the answer is large. */
  readonly answer: Answer | null;
  /** The size in bytes of an answer that is too large to be read along with others. */
  readonly large?: number | undefined;
}
