import { availableParallelism } from "node:os";
import { type ErrorClass, isError } from "./codec/error-classes.js";
import { MAX_RESULT_LIMIT, MIN_RESULT_LIMIT, RESULT_LIMIT } from "./codec/limits.js";
import { show } from "./codec/show.js";
import { InvalidOptionError } from "./errors.js";
import { queueProblem } from "./job/checked-job.js";
import { checkKeys } from "./keys.js";
import { addressOf, type Connection } from "./postgres/address.js";
import { type AnyWorker, isWorker } from "./worker.js";

/**
 * How this host runs a queue: the number of its jobs to run at once, from 1
 * to 10,000, or an object.
 *
 * @example
 * ```ts
 * const queues = { default: 4, images: { limit: 2, paused: true } };
 * ```
 */
export type QueueOption =
  | number
  | {
      /** How many of the queue's jobs this host runs at once. An integer from 1 to 10,000. */
      readonly limit: number;
      /**
       * Whether this host claims no jobs of the queue.
       * @default false
       */
      readonly paused?: boolean;
    };

/** The options of `new Baton`. Only `connection` is required. */
export interface BatonOptions {
  /**
   * The database: a `postgres://` URL, or the options of pg's `Client`.
   *
   * A URL may name several servers, as in libpq: Baton uses the first that takes writes, and
   * follows a failover. Baton refuses libpq parameters that it cannot honour.
   */
  readonly connection: Connection;
  /**
   * A name for people, shown in logs, telemetry and the hosts table. 1 to 128
   * characters; need not be unique.
   * @default "baton"
   */
  readonly name?: string;
  /**
   * The PostgreSQL schema that holds Baton's tables. At most 32 lower-case letters,
   * digits and `_`, no digit first.
   * @default "baton"
   */
  readonly prefix?: string;
  /**
   * The queues that this host runs, by name. Without queues it only inserts and awaits
   * jobs, and starts no threads.
   * @default {}
   */
  readonly queues?: Readonly<Record<string, QueueOption>>;
  /**
   * The workers whose jobs this host can run. It claims jobs of no other worker.
   * @default []
   */
  readonly workers?: readonly AnyWorker[];
  /**
   * The number of threads that run jobs, shared by all queues. An integer from 1 to 1,024.
   * @default os.availableParallelism()
   */
  readonly threads?: number;
  /**
   * The number of jobs that a thread runs before a fresh one replaces it. An integer from 1.
   *
   * Bounds the memory that leaks in native addons and modules hold. Each thread draws its own
   * limit, 90 to 100 % of this, so that threads are not all replaced at once. A batch is never cut
   * short. A replacement takes about 40 ms; the other threads go on.
   * @default Infinity
   */
  readonly maxJobsPerThread?: number;
  /**
   * The age in ms at which a fresh thread replaces a thread, at least 1,000.
   *
   * Each thread draws its own limit, 90 to 100 % of this. A running job is never cut short: its
   * thread is replaced once the job has ended.
   * @default Infinity
   */
  readonly maxThreadAge?: number;
  /**
   * The largest result in bytes, compressed, for workers without a `resultLimit` of their own. An
   * integer from 64 to 67,108,864 (64 MiB).
   *
   * A job with a larger result completes without it, and awaits end with `"result_too_large"`.
   * @default 8_192
   */
  readonly resultLimit?: number;
  /**
   * How long in ms a job's row, which holds its result, is kept after this host has finished
   * the job. From 0 to a century.
   *
   * The row stores its own expiry, so hosts with another retention do not prune it earlier.
   * @default 86_400_000 (24 hours)
   */
  readonly retention?: number;
  /**
   * How long in ms running jobs may take to end after `stop()`. Jobs that take longer are
   * interrupted and go back to the queue.
   * @default 15_000
   */
  readonly shutdownGracePeriod?: number;
  /**
   * What a crash of the database server may undo.
   *
   * - `"full"`: nothing. Inserts that resolved and results that were delivered survive.
   * - `"relaxed"`: completions of about the last 0.6 s, because they do not wait for the disk
   *   (`synchronous_commit = off`). Such jobs may run again after their results were delivered.
   *   Inserts survive, and a crash of a host undoes nothing.
   * @default "full"
   */
  readonly durability?: "full" | "relaxed";
  /**
   * When an awaiter in the process that ran the job gets the result. Other processes get
   * it once it is committed, either way.
   *
   * - `"committed"`: once it is committed.
   * - `"early"`: while it is being written. If the host dies at that moment, the job runs again
   *   although its awaiter has a result.
   * @default "committed"
   */
  readonly delivery?: "committed" | "early";
  /**
   * Error classes of your own that `await` and `call` revive as instances of the class. Any other
   * error arrives as an `Error` that keeps its `name`.
   * @default []
   */
  readonly errors?: readonly ErrorClass[];
}

/** Valid options, with every default filled in. */
export interface CheckedOptions {
  readonly connection: Connection;
  readonly name: string;
  readonly prefix: string;
  readonly queues: ReadonlyMap<string, { readonly limit: number; readonly paused: boolean }>;
  readonly workers: readonly AnyWorker[];
  readonly threads: number;
  readonly maxJobsPerThread: number;
  readonly maxThreadAge: number;
  readonly resultLimit: number;
  readonly retention: number;
  readonly shutdownGracePeriod: number;
  readonly durability: "full" | "relaxed";
  readonly delivery: "committed" | "early";
  readonly errors: readonly ErrorClass[];
}

/** The keys of {@link BatonOptions}. */
export const BATON_OPTIONS = [
  "connection",
  "name",
  "prefix",
  "queues",
  "workers",
  "threads",
  "maxJobsPerThread",
  "maxThreadAge",
  "resultLimit",
  "retention",
  "shutdownGracePeriod",
  "durability",
  "delivery",
  "errors",
] as const;

/**
 * A URL with an @ after its host instead of before it: most likely a password with an unencoded
 * `/`, `?` or `#`. Parsed as host and port, the start of the password would appear in errors.
 */
const UNENCODED = /^postgres(?:ql)?:\/\/[^/?#@]*[/?#][^=]*@/;
const QUEUE_OPTIONS = ["limit", "paused"] as const;

/** In ms, like `DAY`. */
const CENTURY = 100 * 365 * 86_400_000;
const DAY = 86_400_000;

/**
 * Validates the options of `new Baton` and fills in the defaults.
 *
 * @throws {@link InvalidOptionError} for the first option that is missing, unknown or invalid.
 */
export function checkOptions(options: BatonOptions): CheckedOptions {
  if (typeof options !== "object" || options === null) {
    throw new InvalidOptionError(
      "options",
      `must be an object, as in new Baton({ connection: process.env.DATABASE_URL }), not ${kindOf(options)}`,
    );
  }
  checkKeys(options, BATON_OPTIONS);
  return Object.freeze({
    connection: checkConnection(options.connection),
    name: checkName(options.name),
    prefix: checkPrefix(options.prefix),
    queues: checkQueues(options.queues ?? {}),
    workers: checkWorkers(options.workers ?? []),
    threads: checkInteger("threads", options.threads ?? availableParallelism(), 1, 1_024),
    maxJobsPerThread: checkMaxJobs(options.maxJobsPerThread ?? Number.POSITIVE_INFINITY),
    maxThreadAge: checkNumber(
      "maxThreadAge",
      options.maxThreadAge ?? Number.POSITIVE_INFINITY,
      1_000,
      Number.POSITIVE_INFINITY,
    ),
    resultLimit: checkInteger("resultLimit", options.resultLimit ?? RESULT_LIMIT, MIN_RESULT_LIMIT, MAX_RESULT_LIMIT),
    retention: checkNumber("retention", options.retention ?? DAY, 0, CENTURY),
    shutdownGracePeriod: checkNumber("shutdownGracePeriod", options.shutdownGracePeriod ?? 15_000, 0, 2 ** 31 - 1),
    durability: checkOneOf("durability", options.durability ?? "full", ["full", "relaxed"]),
    delivery: checkOneOf("delivery", options.delivery ?? "committed", ["committed", "early"]),
    errors: checkErrors(options.errors ?? []),
  });
}

/** Names only the type: a string given here is most likely a URL that contains a password. */
function kindOf(value: unknown): string {
  return value === null || value === undefined ? String(value) : `a ${typeof value}`;
}

function checkConnection(connection: unknown): Connection {
  if (typeof connection === "string" && UNENCODED.test(connection)) {
    throw new InvalidOptionError(
      "connection",
      "has an @ after its host: percent-encode each / ? # @ : % in its user, password and database, for example / as %2F",
    );
  }
  addressOf(connection);
  return connection as Connection;
}

function checkName(name: unknown = "baton"): string {
  if (typeof name === "string" && /^[^\0]{1,128}$/u.test(name)) return name;
  throw new InvalidOptionError("name", `must be a string of 1 to 128 characters, not ${show(name)}`);
}

function checkPrefix(prefix: unknown = "baton"): string {
  if (typeof prefix === "string" && /^[a-z_][a-z0-9_]{0,31}$/.test(prefix)) return prefix;
  throw new InvalidOptionError(
    "prefix",
    `must be at most 32 lower-case letters, digits and _, no digit first, not ${show(prefix)}`,
  );
}

function checkQueues(queues: unknown): CheckedOptions["queues"] {
  if (typeof queues !== "object" || queues === null || Array.isArray(queues)) {
    throw new InvalidOptionError(
      "queues",
      `must be an object of limits by queue name, such as { default: 4 }, not ${show(queues)}`,
    );
  }
  const entries = Object.entries(queues as Record<string, QueueOption>).map(([queue, option]) => {
    const problem = queueProblem(queue);
    if (problem !== null)
      throw new InvalidOptionError(`queues[${JSON.stringify(queue)}]`, `has an invalid name: it ${problem}`);
    const inner = typeof option === "object" && option !== null;
    if (inner) checkKeys(option, QUEUE_OPTIONS, { path: `queues.${queue}.` });
    const { limit, paused = false } = inner ? option : { limit: option };
    if (typeof paused !== "boolean")
      throw new InvalidOptionError(`queues.${queue}.paused`, `must be true or false, not ${show(paused)}`);
    const path = inner ? `queues.${queue}.limit` : `queues.${queue}`;
    return [queue, { limit: checkInteger(path, limit, 1, 10_000), paused }] as const;
  });
  return new Map(entries);
}

function checkWorkers(workers: unknown): readonly AnyWorker[] {
  if (!Array.isArray(workers))
    throw new InvalidOptionError("workers", `must be an array of workers, such as [Double], not ${show(workers)}`);
  const names = new Set<string>();
  for (const [index, worker] of workers.entries()) {
    if (!isWorker(worker)) {
      throw new InvalidOptionError(
        `workers[${index}]`,
        `must be a worker that defineWorker returned, not its module or a class, and not ${show(worker)}`,
      );
    }
    if (names.has(worker.name)) {
      throw new InvalidOptionError(
        `workers[${index}]`,
        `has the name ${worker.name}, as an earlier worker does: give each worker a name of its own`,
      );
    }
    names.add(worker.name);
  }
  return [...workers] as AnyWorker[];
}

function checkErrors(errors: unknown): readonly ErrorClass[] {
  const isErrorClass = (value: unknown) => typeof value === "function" && isError(value.prototype);
  if (Array.isArray(errors) && errors.every(isErrorClass)) return [...errors] as ErrorClass[];
  throw new InvalidOptionError("errors", `must be an array of classes that extend Error, not ${show(errors)}`);
}

function checkMaxJobs(value: unknown): number {
  if (value === Number.POSITIVE_INFINITY || (Number.isInteger(value) && (value as number) >= 1)) return value as number;
  throw new InvalidOptionError("maxJobsPerThread", `must be an integer from 1, or Infinity, not ${show(value)}`);
}

function checkOneOf<Choice extends string>(option: string, value: unknown, choices: readonly Choice[]): Choice {
  if (choices.includes(value as Choice)) return value as Choice;
  throw new InvalidOptionError(
    option,
    `must be one of ${choices.map((choice) => JSON.stringify(choice)).join(", ")}, not ${show(value)}`,
  );
}

function checkInteger(option: string, value: unknown, min: number, max: number): number {
  if (Number.isInteger(value) && isWithin(value, min, max)) return value;
  throw new InvalidOptionError(option, `must be an integer from ${min} to ${max}, not ${show(value)}`);
}

function checkNumber(option: string, value: unknown, min: number, max: number): number {
  if (isWithin(value, min, max)) return value;
  throw new InvalidOptionError(option, `must be a number from ${min} to ${max}, not ${show(value)}`);
}

function isWithin(value: unknown, min: number, max: number): value is number {
  return typeof value === "number" && value >= min && value <= max;
}
