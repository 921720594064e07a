import { BatonError, named } from "./base.js";

/**
 * An option is missing, unknown or invalid. Nothing was started or inserted.
 *
 * Thrown by `new Baton`, `defineWorker`, `workerRef`, `startEmbedded`, `await`, `call` and `jobs`.
 */
export class InvalidOptionError extends BatonError {
  /** The path of the option as the caller wrote it, for example `queues.default.limit`. */
  readonly option: string;

  constructor(option: string, problem: string) {
    super("ERR_BATON_INVALID_OPTION", `Option ${option} ${problem}`);
    this.option = option;
  }

  static {
    named(this);
  }
}

/** One problem of a job that was refused with an {@link InvalidJobError}. */
export interface JobProblem {
  /** The path of the part that is invalid, for example `args.rows[3].at`, `queue` or `priority`. */
  readonly field: string;
  /** What is wrong with it, for example `must be an integer from 0 to 32767, not -1`. */
  readonly problem: string;
}

/**
 * A job is invalid and was not inserted; nor was any other job of the same call.
 *
 * Thrown by `async`, `asyncMany`, `insert`, `insertMany` and `call`.
 */
export class InvalidJobError extends BatonError {
  /** Every problem of the job, not only the first. */
  readonly problems: readonly JobProblem[];

  constructor(worker: string, problems: readonly JobProblem[]) {
    const list = problems.map(({ field, problem }) => `${field} ${problem}`).join("; ");
    super("ERR_BATON_INVALID_JOB", `Job of worker ${JSON.stringify(worker)} was not inserted: ${list}`);
    this.problems = problems;
  }

  static {
    named(this);
  }
}

/**
 * A value passed to `await` or `awaitMany` is neither a relay from `async` nor
 * the parsed JSON of one.
 */
export class InvalidRelayError extends BatonError {
  constructor(problem: string) {
    super(
      "ERR_BATON_INVALID_RELAY",
      `Cannot await this value as a relay: ${problem}. Pass the relay that async() resolved to, or its parsed JSON.`,
    );
  }

  static {
    named(this);
  }
}
