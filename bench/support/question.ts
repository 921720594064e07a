import type { Row } from "./report.js";

/** What a question gets to answer with. */
export interface Setting {
  /** The database. */
  readonly url: string;
  /** A schema of the question's own, dropped when it is answered. */
  readonly prefix: string;
  /** How often to measure; the medians over the rounds are what counts. */
  readonly rounds: number;
}

/** A question that the bench answers, one a file. */
export interface Question {
  readonly scope: string;
  ask(setting: Setting): Promise<Row[]>;
}
