import { BatonError, named } from "./base.js";

/** An awaited job's row no longer exists: it was pruned after its retention, or deleted. */
export class JobNotFoundError extends BatonError {
  constructor(message: string) {
    super("ERR_BATON_JOB_NOT_FOUND", message);
  }

  static {
    named(this);
  }
}

/**
 * Thrown by `call`: the job had no outcome before the timeout. The job goes on.
 *
 * If no live host can run the job, the message says which host to start.
 */
export class AwaitTimeoutError extends BatonError {
  constructor(message: string) {
    super("ERR_BATON_AWAIT_TIMEOUT", message);
  }

  static {
    named(this);
  }
}

/** Thrown by `call`: the worker discarded the job. */
export class JobDiscardedError extends BatonError {
  /** The value that the worker passed to `discard`. */
  readonly reason: unknown;

  constructor(message: string, reason: unknown) {
    super("ERR_BATON_JOB_DISCARDED", message);
    this.reason = reason;
  }

  static {
    named(this);
  }
}

/** Thrown by `call`: the worker cancelled the job. */
export class JobCancelledError extends BatonError {
  /** The value that the worker passed to `cancel`. */
  readonly reason: unknown;

  constructor(message: string, reason: unknown) {
    super("ERR_BATON_JOB_CANCELLED", message);
    this.reason = reason;
  }

  static {
    named(this);
  }
}

/**
 * Thrown by `call`: the worker snoozed the job, which runs again later. Use
 * `withRetries` to wait for that.
 */
export class JobSnoozedError extends BatonError {
  /** Seconds until the job runs again. */
  readonly seconds: number;

  constructor(message: string, seconds: number) {
    super("ERR_BATON_JOB_SNOOZED", message);
    this.seconds = seconds;
  }

  static {
    named(this);
  }
}

/**
 * Thrown by `call`: the job completed, but its result exceeds the
 * `resultLimit` of its worker or host.
 */
export class ResultTooLargeError extends BatonError {
  /**
   * The result's size in bytes, uncompressed. A lower bound if encoding stopped
   * early; undefined if unknown.
   */
  readonly size: number | undefined;
  /** The limit in bytes, compressed. Undefined if unknown. */
  readonly limit: number | undefined;

  constructor(message: string, size?: number, limit?: number) {
    super("ERR_BATON_RESULT_TOO_LARGE", message);
    this.size = size;
    this.limit = limit;
  }

  static {
    named(this);
  }
}
