import type { Answer } from "../job/answer.js";

/** What a job gets that a statement discards because no attempt is left. */
export interface Ending {
  /** For the row and the awaiters. */
  readonly answer: Answer;
  /** For the row's error history. */
  readonly error: string;
}

/** How many bytes precede those of an answer in the `result` column: its kind and its encoding. */
export const ANSWER_HEAD = 2;

/** These bytes, as text. */
export function answerHead({ kind, encoding }: Answer): string {
  return kind + encoding;
}

/** An ending as parameters. */
export function endingValues({ answer, error }: Ending) {
  return { head: answerHead(answer), bytes: Buffer.from(answer.bytes), error };
}
