import type { JsonObject } from "./job.js";

/**
 * Options of a job. A worker's definition sets defaults, and `Worker.new` overrides them one by
 * one.
 */
export interface JobOptions {
  /**
   * The queue that the job waits in. 1 to 64 letters, digits or any of `_ . -`.
   * @default "default"
   */
  readonly queue?: string;
  /**
   * Jobs with a lower number run first. An integer from 0 to 32,767.
   * @default 0
   */
  readonly priority?: number;
  /**
   * How many attempts the job gets before it is discarded. An integer from 1 to 32,767.
   * @default 20
   */
  readonly maxAttempts?: number;
  /**
   * Labels by which `baton.jobs()` can find the job. At most 64, of 1 to 255 characters each.
   * @default []
   */
  readonly tags?: readonly string[];
  /**
   * A JSON object for the caller's own purposes, which `perform` gets as `job.meta`. At most 1 MiB
   * as JSON.
   * @default {}
   */
  readonly meta?: JsonObject;
}

/** Options of a new job: {@link JobOptions} and its schedule, for which workers have no default. */
export interface NewJobOptions extends JobOptions {
  /** The earliest time at which the job runs. Excludes `scheduleIn`. */
  readonly scheduledAt?: Date;
  /**
   * Delays the job by this many ms, from 0 to a century, by the database's clock. Excludes
   * `scheduledAt`.
   */
  readonly scheduleIn?: number;
}

declare const RESULT: unique symbol;

/**
 * A job that is not inserted yet, as `Worker.new` returns it. Plain data, checked when it is
 * inserted.
 */
export interface NewJob<Result = unknown> {
  /** The name of its worker. */
  readonly worker: string;
  /** The args of the job. They must survive JSON. At most 16 MiB as JSON. */
  readonly args: unknown;
  /** The worker's defaults, overridden by the options of `Worker.new`. */
  readonly options: NewJobOptions;
  /** Exists only in types: carries the result's type to `async` and `await`. */
  readonly [RESULT]?: Result;
}
