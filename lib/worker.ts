/**
 * Defines workers. A worker's module should import from this subpath, `pg-baton/worker`: each
 * thread imports that module, and this subpath does not load `pg`.
 *
 * @packageDocumentation
 */
import type { Arrived } from "./codec/arrived.js";
import { MAX_RESULT_LIMIT, MIN_RESULT_LIMIT } from "./codec/limits.js";
import type { Control } from "./control.js";
import { show } from "./codec/show.js";
import { InvalidOptionError } from "./errors.js";
import { JOB_OPTIONS, optionProblems, workerNameProblem } from "./job/checked-job.js";
import type { JobOptions, NewJob, NewJobOptions } from "./job/new-job.js";
import type { Job } from "./job/job.js";
import type { Json } from "./job/json.js";
import { checkKeys } from "./keys.js";

export type { Arrived } from "./codec/arrived.js";
export { type Cancel, type Control, cancel, type Discard, discard, type Snooze, snooze } from "./control.js";
export type { JobOptions, NewJob, NewJobOptions } from "./job/new-job.js";
export type { Job, JsonObject } from "./job/job.js";
export type { Json } from "./job/json.js";

const WORKER = Symbol.for("pg-baton.worker");

/** The second argument of `perform`. */
export interface PerformContext {
  /**
   * Aborts when the host stops and its grace period is over, so that asynchronous work can end
   * early. 250 ms later the host ends the thread, and the job goes back to the queue.
   */
  readonly signal: AbortSignal;
  /** The id of the thread that runs the job (`worker_threads.threadId`). */
  readonly threadId: number;
}

/** The definition of a worker: its name, what it does, and the default options of its jobs. */
export interface WorkerDefinition<Args, Return> extends JobOptions {
  /**
   * The name under which jobs are inserted, unique among the workers of a host. 1 to 128 letters,
   * digits or any of `_ . / : @ -`.
   */
  readonly name: string;
  /**
   * Does the work of one job, in a thread.
   *
   * It returns the result, or one of `snooze()`, `cancel()` and `discard()`, or a
   * promise of these. If it throws, the attempt fails, and the job is retried after
   * `backoff` until it has no attempt left.
   */
  readonly perform: (job: Job<Args>, context: PerformContext) => Return;
  /**
   * Returns how long in ms to wait after a failed attempt before the next. Runs in the thread.
   * @default as in Oban: 15 s + 2 ** attempt s, with jitter
   */
  readonly backoff?: (job: Job<Args>) => number;
  /**
   * The largest result in bytes, compressed. Takes precedence over the host's `resultLimit`. An
   * integer from 64 to 67,108,864 (64 MiB).
   * @default the host's
   */
  readonly resultLimit?: number;
  /**
   * How many jobs may go to a thread in one message when more jobs wait than threads
   * are free. From 1 to 100.
   *
   * Raises the throughput of jobs that take far less than a millisecond. The jobs of a message
   * run one after the other, and their results are sent when the last is done. If a job ends its
   * thread, only that job fails; the others run again.
   * @default 1
   */
  readonly batch?: number;
}

/**
 * The type of the result that an awaiter gets: what `perform` resolves to, without control values,
 * as it is after the transfer. See {@link Arrived}.
 */
export type ResultOf<Return> =
  Exclude<Awaited<Return>, Control> extends infer Result
    ? [Result] extends [void]
      ? undefined
      : Arrived<Result>
    : never;

/** A worker as callers need it: it creates jobs, and has none of the worker's code. */
export interface WorkerRef<Args, Result> {
  /** The worker's name. */
  readonly name: string;
  /** Creates a job of this worker. Nothing is checked or sent before the job is inserted. */
  readonly new: NewOf<Args, Result>;
}

type SurvivesJson<Args> = [Args] extends [Json<Args>]
  ? unknown
  : {
      readonly perform: "the args of perform's job must survive JSON: no Date, bigint, Map, Set, function or class instance";
    };

type NewOf<Args, Result> = unknown extends Args
  ? (args?: unknown, options?: NewJobOptions) => NewJob<Result>
  : (args: Args, options?: NewJobOptions) => NewJob<Result>;

/** A worker as hosts need it: a {@link WorkerRef} with its code and the module that exports it. */
export interface Worker<Args, Result> extends WorkerRef<Args, Result> {
  /** The URL of the module that exports the worker. Threads import it. */
  readonly url: string;
  /** See {@link WorkerDefinition.perform}. */
  readonly perform: (job: Job<Args>, context: PerformContext) => unknown;
  /** See {@link WorkerDefinition.backoff}. */
  readonly backoff: ((job: Job<Args>) => number) | undefined;
  /** See {@link WorkerDefinition.resultLimit}. Undefined for the host's limit. */
  readonly resultLimit: number | undefined;
  /** See {@link WorkerDefinition.batch}. Undefined for 1. */
  readonly batch: number | undefined;
}

/** A worker of any args and result. The `workers` option takes these. */
export interface AnyWorker {
  /** The worker's name. */
  readonly name: string;
  /** The URL of the module that exports the worker. */
  readonly url: string;
  /** See {@link WorkerRef.new}. */
  readonly new: (...args: never[]) => NewJob;
  /** See {@link WorkerDefinition.perform}. */
  readonly perform: (job: Job<never>, context: PerformContext) => unknown;
  /** See {@link WorkerDefinition.backoff}. */
  readonly backoff: ((job: Job<never>) => number) | undefined;
  /** See {@link WorkerDefinition.resultLimit}. Undefined for the host's limit. */
  readonly resultLimit: number | undefined;
  /** See {@link WorkerDefinition.batch}. Undefined for 1. */
  readonly batch?: number | undefined;
}

/**
 * Defines a worker. Export the result from the module: threads import the module and look for
 * the worker among its exports, the default export first.
 *
 * The args of its jobs are those that `perform` takes. Their type must survive JSON.
 *
 * @param url Always `import.meta.url`. In CommonJS, `pathToFileURL(__filename).href`.
 * @throws An {@link InvalidOptionError} if the definition is invalid.
 *
 * @example
 * ```ts
 * import { defineWorker, type Job } from "pg-baton/worker";
 *
 * export default defineWorker(import.meta.url, {
 *   name: "double",
 *   perform: (job: Job<{ int: number }>) => job.args.int * 2,
 * });
 * ```
 */
export function defineWorker<Args, Return>(
  url: string,
  definition: WorkerDefinition<Args, Return> & SurvivesJson<Args>,
): Worker<Args, ResultOf<Return>> {
  checkDefinition(url, definition);
  const { name, perform, backoff, resultLimit, batch, ...defaults }: WorkerDefinition<Args, Return> = definition;
  const made = { name, url, perform, backoff, resultLimit, batch };
  const worker = { ...made, new: newJob<Args, ResultOf<Return>>(name, defaults) };
  return Object.freeze(Object.defineProperty(worker, WORKER, { value: true }));
}

/**
 * Creates jobs of a worker without importing its code, only its type.
 *
 * The defaults in the worker's definition do not apply, because they are part of that code. Repeat
 * those that matter to the caller, above all the queue.
 *
 * @throws An {@link InvalidOptionError} if the name or a default is invalid.
 *
 * @example
 * ```ts
 * import type Resize from "./workers/resize.js";
 *
 * const resize = workerRef<typeof Resize>("resize", { queue: "images" });
 * await baton.call(resize.new({ path: "cat.png" }));
 * ```
 */
export function workerRef<W extends Pick<AnyWorker, "name" | "new">>(
  name: W["name"],
  defaults: JobOptions = {},
): WorkerRef<ArgsOf<W>, ResultTypeOf<W>> {
  checkDefaults("workerRef", name, defaults);
  return Object.freeze({ name, new: newJob<ArgsOf<W>, ResultTypeOf<W>>(name, defaults) });
}

type ArgsOf<W> = W extends WorkerRef<infer Args, infer _Result> ? Args : never;
type ResultTypeOf<W> = W extends WorkerRef<infer _Args, infer Result> ? Result : never;

/** Whether a value was returned by {@link defineWorker}, of this or another copy of the package. */
export function isWorker(value: unknown): value is AnyWorker {
  return typeof value === "object" && value !== null && Object.hasOwn(value, WORKER);
}

function newJob<Args, Result>(worker: string, defaults: JobOptions): NewOf<Args, Result> {
  const make = (args: unknown, options?: NewJobOptions): NewJob<Result> => ({
    worker,
    args,
    options: options === undefined ? defaults : { ...defaults, ...options },
  });
  return make;
}

function checkDefinition(url: unknown, definition: WorkerDefinition<never, unknown>): void {
  if (typeof url !== "string" || !/^(file|data):/.test(url)) {
    throw new InvalidOptionError(
      "url",
      `of defineWorker must be import.meta.url of the module that exports the worker, not ${typeof url === "string" ? JSON.stringify(url) : typeof url}. ` +
        "CommonJS and bundles to CommonJS have none: pass pathToFileURL(__filename).href",
    );
  }
  if (typeof definition !== "object" || definition === null) {
    throw new InvalidOptionError(
      "definition",
      `of defineWorker must be an object with name and perform, not ${show(definition)}`,
    );
  }
  const { name, perform, backoff, resultLimit, batch, ...defaults } = definition;
  checkDefaults("defineWorker", name, defaults);
  if (typeof perform !== "function")
    throw new InvalidOptionError("perform", `of worker ${name} must be a function, not ${show(perform)}`);
  if (backoff !== undefined && typeof backoff !== "function") {
    throw new InvalidOptionError(
      "backoff",
      `of worker ${name} must be a function that returns ms, not ${show(backoff)}`,
    );
  }
  if (resultLimit !== undefined && !isIntegerFrom(MIN_RESULT_LIMIT, MAX_RESULT_LIMIT, resultLimit)) {
    const range = `from ${MIN_RESULT_LIMIT} to ${MAX_RESULT_LIMIT}`;
    throw new InvalidOptionError(
      "resultLimit",
      `of worker ${name} must be an integer ${range}, in bytes, not ${show(resultLimit)}`,
    );
  }
  if (batch !== undefined && !isIntegerFrom(1, MAX_BATCH, batch)) {
    throw new InvalidOptionError(
      "batch",
      `of worker ${name} must be an integer from 1 to ${MAX_BATCH}, not ${show(batch)}`,
    );
  }
}

/** Larger batches save no more time, and each result waits for its whole batch. */
const MAX_BATCH = 100;

function isIntegerFrom(min: number, max: number, value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= min && (value as number) <= max;
}

/** The keys of a {@link WorkerDefinition}. */
const DEFINITION = ["name", "perform", "backoff", "resultLimit", "batch", ...JOB_OPTIONS] as const;

function checkDefaults(maker: "defineWorker" | "workerRef", name: unknown, defaults: JobOptions): void {
  const nameProblem = workerNameProblem(name);
  if (nameProblem !== null) throw new InvalidOptionError("name", `of ${maker} ${nameProblem}`);
  const known = maker === "defineWorker" ? DEFINITION : JOB_OPTIONS;
  checkKeys(defaults, known, { of: `${maker} ${String(name)}` });
  const [problem] = optionProblems(defaults);
  if (problem !== undefined)
    throw new InvalidOptionError(problem.field, `of worker ${String(name)} ${problem.problem}`);
}
