/**
 * Every error that Baton itself makes. Each has a stable `code`; match on the code or on the class.
 * `instanceof` holds across two copies of the package in one process and for errors that came back from a thread,
 * because it goes by a brand and the name and not by identity (as undici does it).
 */

const BRAND = Symbol.for("pg-baton.error");

/** The base of all errors that Baton makes. Never thrown as itself. */
export class BatonError extends Error {
  /** Stable across releases, for example `ERR_BATON_INVALID_JOB`. */
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  /** What `JSON.stringify` writes: name, message, code and the error's own facts; no stack. */
  toJSON(): object {
    return Object.assign({ name: this.name, message: this.message }, this);
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    if (Function.prototype[Symbol.hasInstance].call(this, value)) return true;
    if (typeof value !== "object" || value === null || !(BRAND in value)) return false;
    // A branded value is ours, perhaps from another copy of the package: compare the names along its classes.
    for (let proto: unknown = Object.getPrototypeOf(value); proto !== null; proto = Object.getPrototypeOf(proto)) {
      if ((proto as Error).constructor.name === this.name) return true;
    }
    return false;
  }

  static {
    Object.defineProperty(this.prototype, BRAND, { value: true });
    named(this);
  }
}

/** An option of `new Baton`, `defineWorker`, `await` or the command line that cannot be used. Nothing was started. */
export class InvalidOptionError extends BatonError {
  /** The option as the caller wrote it, for example `queues.default.limit`. */
  readonly option: string;

  constructor(option: string, problem: string) {
    super("ERR_BATON_INVALID_OPTION", `Option ${option} ${problem}`);
    this.option = option;
  }

  static {
    named(this);
  }
}

/** A host, or an embedded PostgreSQL, cannot start from within a bundle. Keep `pg-baton` out of the bundle. */
export class BundledError extends BatonError {
  constructor(bundle: string | undefined, file: string) {
    super(
      "ERR_BATON_BUNDLED",
      `pg-baton was bundled into ${bundle ?? "a CommonJS file"}, away from its file ${file}, which it starts threads ` +
        'or processes from. Keep it out of the bundle and install it beside: with esbuild, external: ["pg-baton"]. ' +
        "A process that only inserts and awaits may bundle it.",
    );
  }

  static {
    named(this);
  }
}

/** One thing that is wrong with a job; `field` is `args.rows[3].at`, `queue`, `priority` and the like. */
export interface JobProblem {
  readonly field: string;
  readonly problem: string;
}

/** A job that cannot be inserted. Every problem is listed, and nothing was inserted, not even its neighbours. */
export class InvalidJobError extends BatonError {
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

/** A value given to `await` that is no relay: not what `async` returned, nor its JSON read back. */
export class InvalidRelayError extends BatonError {
  constructor(problem: string) {
    super(
      "ERR_BATON_INVALID_RELAY",
      `This is no relay: ${problem}. Pass what async() resolved to, or its JSON parsed.`,
    );
  }

  static {
    named(this);
  }
}

/**
 * The module of a job's worker does not import, or does not export that worker. The message names the cause; the attempt fails.
 * Jobs of workers that no host has do not fail: they wait.
 */
export class UnknownWorkerError extends BatonError {
  readonly worker: string;

  constructor(worker: string, problem: string, options?: ErrorOptions) {
    super("ERR_BATON_UNKNOWN_WORKER", `Worker ${JSON.stringify(worker)} ${problem}`, options);
    this.worker = worker;
  }

  static {
    named(this);
  }
}

/** `start()` was called in one of Baton's own threads, which import the modules of workers. Guard it with `isMainThread`. */
export class InsideThreadError extends BatonError {
  constructor() {
    super(
      "ERR_BATON_IN_THREAD",
      "Cannot start: this is one of Baton's threads, which has imported the module that calls start() to find a worker in it. " +
        'Start in the main thread only: import { isMainThread } from "node:worker_threads"; ' +
        "if (isMainThread) { await baton.start(); } or move the worker to a module of its own.",
    );
  }

  static {
    named(this);
  }
}

/** An instance was used before `start()` had resolved. */
export class NotStartedError extends BatonError {
  constructor(call: string) {
    super("ERR_BATON_NOT_STARTED", `Cannot ${call}: this Baton is not started. Await baton.start() first.`);
  }

  static {
    named(this);
  }
}

/** An instance was used after `stop()`, or stopped while an await was open. The job itself goes on; await its relay elsewhere. */
export class StoppedError extends BatonError {
  constructor(call: string) {
    super(
      "ERR_BATON_STOPPED",
      `Cannot ${call}: this Baton is stopped. Its relays can be awaited on any other instance.`,
    );
  }

  static {
    named(this);
  }
}

/** Why a database cannot be used: the codes of {@link DatabaseError}. */
export type DatabaseErrorCode =
  | "ERR_BATON_DATABASE_UNREACHABLE"
  | "ERR_BATON_DATABASE_UNSUPPORTED"
  | "ERR_BATON_DATABASE_REFUSED"
  | "ERR_BATON_DATABASE_READ_ONLY"
  | "ERR_BATON_SCHEMA_TOO_NEW";

/** The database cannot be reached, is too old, is not UTF8, refuses a statement, takes no writes, or its schema is newer than this library. */
export class DatabaseError extends BatonError {
  // oxlint-disable-next-line no-useless-constructor -- narrows the code
  constructor(code: DatabaseErrorCode, message: string, options?: ErrorOptions) {
    super(code, message, options);
  }

  static {
    named(this);
  }
}

/** A value that cannot be sent as a result: `path` says which part of it, for example `$.rows[3].callback`. */
export class EncodeError extends BatonError {
  readonly path: string;

  constructor(path: string, problem: string) {
    super("ERR_BATON_ENCODE", `Cannot encode ${path}: ${problem}`);
    this.path = path;
  }

  static {
    named(this);
  }
}

/** Bytes that are no encoded value, or go over a limit. Whatever the bytes are, decoding ends in a value or in this. */
export class DecodeError extends BatonError {
  constructor(problem: string) {
    super("ERR_BATON_DECODE", `Cannot decode the result: ${problem}`);
  }

  static {
    named(this);
  }
}

/**
 * A job's thread ended under it (`process.exit`, out of memory, a native crash), or the process in which it ran alone. Its
 * attempt failed; the host goes on.
 */
export class ThreadCrashError extends BatonError {
  constructor(message: string, options?: ErrorOptions) {
    super("ERR_BATON_THREAD_CRASH", message, options);
  }

  static {
    named(this);
  }
}

/** The host that ran a job was lost (it died, was frozen, or was cut off), and the job had no attempt left. */
export class HostLostError extends BatonError {
  constructor(message: string) {
    super("ERR_BATON_HOST_LOST", message);
  }

  static {
    named(this);
  }
}

/** Stops of its hosts interrupted a job five times in a row or more before it could end, and it had no attempt left. */
export class InterruptedError extends BatonError {
  constructor(message: string) {
    super("ERR_BATON_INTERRUPTED", message);
  }

  static {
    named(this);
  }
}

/**
 * A job was discarded because two processes died while they ran it alone, and their hosts lived on. It ran alone because hosts
 * had died with it before. The loss of a host alone quarantines no job.
 */
export class QuarantinedError extends BatonError {
  constructor(message: string) {
    super("ERR_BATON_QUARANTINED", message);
  }

  static {
    named(this);
  }
}

/** The row of an awaited job is gone: pruned after its retention, or deleted. Its outcome cannot be known any more. */
export class JobNotFoundError extends BatonError {
  constructor(message: string) {
    super("ERR_BATON_JOB_NOT_FOUND", message);
  }

  static {
    named(this);
  }
}

/** Thrown by `call`: no outcome arrived in time. The job goes on; if no live host can run it, the message says which to start. */
export class AwaitTimeoutError extends BatonError {
  constructor(message: string) {
    super("ERR_BATON_AWAIT_TIMEOUT", message);
  }

  static {
    named(this);
  }
}

/** Thrown by `call`: the worker discarded its job. */
export class JobDiscardedError extends BatonError {
  readonly reason: unknown;

  constructor(message: string, reason: unknown) {
    super("ERR_BATON_JOB_DISCARDED", message);
    this.reason = reason;
  }

  static {
    named(this);
  }
}

/** Thrown by `call`: the job was cancelled. */
export class JobCancelledError extends BatonError {
  readonly reason: unknown;

  constructor(message: string, reason: unknown) {
    super("ERR_BATON_JOB_CANCELLED", message);
    this.reason = reason;
  }

  static {
    named(this);
  }
}

/** Thrown by `call`: the worker put its job off. It will run again; `await` with `withRetries` waits for that. */
export class JobSnoozedError extends BatonError {
  readonly seconds: number;

  constructor(message: string, seconds: number) {
    super("ERR_BATON_JOB_SNOOZED", message);
    this.seconds = seconds;
  }

  static {
    named(this);
  }
}

/** Thrown by `call`: the job completed, but its result is over the `resultLimit` of its worker or host. */
export class ResultTooLargeError extends BatonError {
  /** Its bytes, uncompressed; at least these, where encoding stopped there. Undefined where that is not known. */
  readonly size: number | undefined;
  /** The limit, in bytes compressed. */
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

/** Puts the class's name on its prototype, so that an error shows it however it was made. */
function named(errorClass: { readonly prototype: Error; readonly name: string }): void {
  Object.defineProperty(errorClass.prototype, "name", { value: errorClass.name, configurable: true, writable: true });
}
