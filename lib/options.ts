import { availableParallelism } from "node:os";
import { type ErrorClass, isError } from "./codec/error-classes.js";
import { MAX_RESULT_LIMIT, MIN_RESULT_LIMIT, RESULT_LIMIT } from "./codec/limits.js";
import { show } from "./codec/show.js";
import { InvalidOptionError } from "./errors.js";
import { queueProblem } from "./job/checked-job.js";
import { addressOf, type Connection } from "./postgres/address.js";
import { type AnyWorker, isWorker } from "./worker.js";

/** How a queue is run: how many of its jobs at a time on this host, or that with `paused: true` to claim none. */
export type QueueOption = number | { readonly limit: number; readonly paused?: boolean };

/** What `new Baton` takes. Only `connection` is required. */
export interface BatonOptions {
  /**
   * A `postgres://` URL, or what pg's `Client` takes. It may name several hosts, as in libpq: Baton uses the first that takes
   * writes, and follows a failover. Parameters of libpq that cannot be honoured are refused.
   */
  readonly connection: Connection;
  /** This instance's name, for people: logs, telemetry, the hosts table. Default `"baton"`. */
  readonly name?: string;
  /** The PostgreSQL schema that holds the tables. Lower case, at most 32 characters. Default `"baton"`. */
  readonly prefix?: string;
  /** The queues that this host runs. Default none: it inserts and awaits only, and starts no threads. */
  readonly queues?: Readonly<Record<string, QueueOption>>;
  /** The workers whose jobs this host can run. It claims no others. Default none. */
  readonly workers?: readonly AnyWorker[];
  /** How many threads run jobs. Default: the cores available. */
  readonly threads?: number;
  /**
   * How many jobs a thread runs before a fresh one takes its place, which bounds what leaks in native addons and modules can
   * hold. Each thread draws a limit of 90 to 100 % of it, so that they do not all pause at one time. A batch is not cut short.
   * A replacement takes about 40 ms, in which the others work on.
   * @default Infinity
   */
  readonly maxJobsPerThread?: number;
  /**
   * How long a thread lives, in ms, before a fresh one takes its place; 90 to 100 % of it, like `maxJobsPerThread`. A job that
   * runs is never cut short: its thread is replaced once it has ended.
   * @default Infinity
   */
  readonly maxThreadAge?: number;
  /**
   * Bytes that a result may have, compressed, unless its worker says otherwise; larger ones are `"result_too_large"`. An
   * integer from 64 to 67,108,864 (64 MiB). Default 8,192.
   */
  readonly resultLimit?: number;
  /**
   * ms that a job's row, and so its result, is kept after this host has finished it. Stored with the row: hosts with another
   * retention do not prune it earlier. Default 24 hours.
   */
  readonly retention?: number;
  /** ms that running jobs get to end when this host stops, before they are interrupted and given back. Default 15,000. */
  readonly shutdownGracePeriod?: number;
  /**
   * What a crash of the database may undo. `"full"`, the default: no insert that was resolved and no result that was handed
   * over. `"relaxed"`: completions do not wait for the disk, as with `synchronous_commit = off`; after a crash of the database,
   * not of a host, jobs that ended within about the last 0.6 s may run again, though their result was handed over. Inserts are
   * durable either way, and claims never wait for the disk.
   */
  readonly durability?: "full" | "relaxed";
  /**
   * When a result is handed to an awaiter in the process that ran the job. `"committed"`, the default: once its row is written.
   * `"early"`: at once, while that goes on; if the host dies at this very moment, the job runs again though its awaiter has an
   * answer. Other processes get it once it is written, either way.
   */
  readonly delivery?: "committed" | "early";
  /** Error classes of your own that come back as themselves from `await`. Default none: they come back as Error, name kept. */
  readonly errors?: readonly ErrorClass[];
}

/** The options, checked, with every default filled in. */
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

const KNOWN: ReadonlySet<string> = new Set([
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
]);

/**
 * A URL whose host has no user before it, but an @ after it: most likely a password with a slash, `?` or `#`. Read as it stands,
 * its beginning would be a host and a port, which errors name.
 */
const UNENCODED = /^postgres(?:ql)?:\/\/[^/?#@]*[/?#][^=]*@/;
const QUEUE_KEYS: ReadonlySet<string> = new Set(["limit", "paused"]);

const CENTURY = 100 * 365 * 86_400_000;
const DAY = 86_400_000;

/** Checks what `new Baton` was given. Throws {@link InvalidOptionError} for the first thing that cannot be used. */
export function checkOptions(options: BatonOptions): CheckedOptions {
  if (typeof options !== "object" || options === null) {
    throw new InvalidOptionError(
      "options",
      `must be an object, as in new Baton({ connection: process.env.DATABASE_URL }), not ${kindOf(options)}`,
    );
  }
  checkKeys("", options, KNOWN);
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

/** The kind only: a text here is most likely a URL, with a password in it. */
function kindOf(value: unknown): string {
  return value === null || value === undefined ? String(value) : `a ${typeof value}`;
}

function checkConnection(connection: unknown): Connection {
  if (typeof connection === "string" && UNENCODED.test(connection)) {
    throw new InvalidOptionError(
      "connection",
      "has an @ after its host: percent-encode what its user, password and database have of / ? # @ : %, such as %2F for /",
    );
  }
  addressOf(connection);
  return connection as Connection;
}

function checkName(name: unknown = "baton"): string {
  if (typeof name === "string" && /^[^\0]{1,128}$/u.test(name)) return name;
  throw new InvalidOptionError("name", `must be a text of 1 to 128 characters, not ${show(name)}`);
}

function checkPrefix(prefix: unknown = "baton"): string {
  if (typeof prefix === "string" && /^[a-z_][a-z0-9_]{0,31}$/.test(prefix)) return prefix;
  throw new InvalidOptionError(
    "prefix",
    `must be lower case letters, digits and _, at most 32, no digit first, not ${show(prefix)}`,
  );
}

function checkQueues(queues: unknown): CheckedOptions["queues"] {
  if (typeof queues !== "object" || queues === null || Array.isArray(queues)) {
    throw new InvalidOptionError(
      "queues",
      `must be an object of limits by name, such as { default: 4 }, not ${show(queues)}`,
    );
  }
  const entries = Object.entries(queues as Record<string, QueueOption>).map(([queue, option]) => {
    const problem = queueProblem(queue);
    if (problem !== null)
      throw new InvalidOptionError(`queues[${JSON.stringify(queue)}]`, `has a name that ${problem}`);
    const inner = typeof option === "object" && option !== null;
    if (inner) checkKeys(`queues.${queue}.`, option, QUEUE_KEYS);
    const { limit, paused = false } = inner ? option : { limit: option };
    if (typeof paused !== "boolean")
      throw new InvalidOptionError(`queues.${queue}.paused`, `must be true or false, not ${show(paused)}`);
    const path = inner ? `queues.${queue}.limit` : `queues.${queue}`;
    return [queue, { limit: checkInteger(path, limit, 1, 10_000), paused }] as const;
  });
  return new Map(entries);
}

/** Names the key that is not known: a misspelt one would be passed over without a word. */
function checkKeys(path: string, options: object, known: ReadonlySet<string>): void {
  const key = Object.keys(options).find((each) => !known.has(each));
  if (key === undefined) return;
  throw new InvalidOptionError(`${path}${key}`, `is not known. There are: ${[...known].join(", ")}`);
}

function checkWorkers(workers: unknown): readonly AnyWorker[] {
  if (!Array.isArray(workers))
    throw new InvalidOptionError("workers", `must be an array of workers, such as [Double], not ${show(workers)}`);
  const names = new Set<string>();
  for (const [index, worker] of workers.entries()) {
    if (!isWorker(worker)) {
      throw new InvalidOptionError(
        `workers[${index}]`,
        `is no worker but ${show(worker)}: pass what defineWorker returned, not its module or a class`,
      );
    }
    if (names.has(worker.name)) {
      throw new InvalidOptionError(`workers[${index}]`, `has the name ${worker.name}, which another one has already`);
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
