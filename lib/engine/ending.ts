import type { Answer } from "../job/answer.js";
import { answerHead } from "./answers.js";

/** The answer and the error of a job that a statement discards because no attempt is left. */
export interface Ending {
  /** For the row and the awaiters. */
  readonly answer: Answer;
  /** For the row's error history. */
  readonly error: string;
}

/** An ending as parameters. */
export function endingValues({ answer, error }: Ending) {
  return { head: answerHead(answer), bytes: Buffer.from(answer.bytes), error };
}
