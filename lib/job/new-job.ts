import type { JsonObject } from "./job.js";

/** Options of a job. A worker's definition sets defaults, and `new` overrides them one by one. */
export interface JobOptions {
  /**
   * The queue of the job: 1 to 64 letters, digits or any of `_`, `.` and `-`.
   * @default "default"
   */
  readonly queue?: string;
  /**
   * Jobs of lower numbers run first. An integer from 0 to 32,767.
   * @default 0
   */
  readonly priority?: number;
  /**
   * Attempts before the job is discarded. An integer from 1 to 32,767.
   * @default 20
   */
  readonly maxAttempts?: number;
  /**
   * Labels to find the job by: at most 64, each of 1 to 255 characters.
   * @default []
   */
  readonly tags?: readonly string[];
  /**
   * A JSON object for the caller's own use, which `perform` sees. At most 1 MiB as JSON.
   * @default {}
   */
  readonly meta?: JsonObject;
}

/** {@link JobOptions} and the time of the first run, for which workers have no defaults. */
export interface NewJobOptions extends JobOptions {
  /** The earliest time of the first run. Cannot be combined with `scheduleIn`. */
  readonly scheduledAt?: Date;
  /** ms until the first run at the earliest, from 0 to a century, by the database's clock. */
  readonly scheduleIn?: number;
}

declare const RESULT: unique symbol;

/**
 * A job that is not inserted yet, as `new` of a worker returns it. Plain data, which is
 * checked when it is inserted.
 */
export interface NewJob<Result = unknown> {
  /** The name of its worker. */
  readonly worker: string;
  /** The args of the job, which must survive JSON. At most 16 MiB as JSON. */
  readonly args: unknown;
  /** The worker's defaults, overridden by the options of `new`. */
  readonly options: NewJobOptions;
  /** Exists in types only: carries the type of the result to `async` and `await`. */
  readonly [RESULT]?: Result;
}
