/**
 * Defines workers. Also the subpath `pg-baton/worker`, which loads nothing of PostgreSQL: what a worker's module should
 * import from, since each thread imports it.
 */
import type { Arrived } from "./codec/arrived.js";
import { MAX_RESULT_LIMIT, MIN_RESULT_LIMIT } from "./codec/limits.js";
import type { Control } from "./control.js";
import { show } from "./codec/show.js";
import { InvalidOptionError } from "./errors.js";
import { optionProblems, workerNameProblem } from "./job/checked-job.js";
import type { JobOptions, NewJob, NewJobOptions } from "./job/new-job.js";
import type { Job } from "./job/job.js";
import type { Json } from "./job/json.js";

export type { Arrived } from "./codec/arrived.js";
export { type Cancel, type Control, cancel, type Discard, discard, type Snooze, snooze } from "./control.js";
export type { JobOptions, NewJob, NewJobOptions } from "./job/new-job.js";
export type { Job, JsonObject } from "./job/job.js";
export type { Json } from "./job/json.js";

const WORKER = Symbol.for("pg-baton.worker");

/** What `perform` gets beside the job. */
export interface PerformContext {
  /**
   * Aborts when the host stops and the grace period is over, so that asynchronous work can end early. A quarter of a second
   * later the thread is ended, and the job goes back.
   */
  readonly signal: AbortSignal;
  /** The thread it runs in (`worker_threads.threadId`). */
  readonly threadId: number;
}

/** What a worker is: its name, its defaults and what it does. */
export interface WorkerDefinition<Args, Return> extends JobOptions {
  /** What jobs call it by; unique among the workers of a host. 1 to 128 letters, digits or `_ . / : @ -`. */
  readonly name: string;
  /**
   * Does the work, in a thread. Returns the result (anything the codec carries), nothing, or `snooze`, `cancel` or
   * `discard`; a promise of any of these is awaited. To throw is to fail the attempt.
   */
  readonly perform: (job: Job<Args>, context: PerformContext) => Return;
  /** ms until the retry after a failed attempt. Runs in the thread. Default: Oban's, 15 s + 2^attempt s, jittered. */
  readonly backoff?: (job: Job<Args>) => number;
  /**
   * Bytes that its results may have, compressed, whatever the host's own limit is. An integer from 64 to 67,108,864 (64 MiB).
   * Default: the host's, 8,192 unless it says otherwise.
   */
  readonly resultLimit?: number;
  /**
   * How many of its jobs may go to a thread at once, where more of them wait than there are free threads: 1 to 100, default 1. For
   * jobs far below a millisecond. They run one after the other, their results come when the last is done, and if one of them
   * ends its thread the others run again; only that one fails.
   */
  readonly batch?: number;
}

/**
 * The result that an awaiter gets: what `perform` resolves to, less the control values, as it
 * arrives. See {@link Arrived}.
 */
export type ResultOf<Return> =
  Exclude<Awaited<Return>, Control> extends infer Result
    ? [Result] extends [void]
      ? undefined
      : Arrived<Result>
    : never;

/** A worker as callers see it: a name to insert jobs under. */
export interface WorkerRef<Args, Result> {
  readonly name: string;
  /** A new job of this worker. Nothing is checked or sent before it is inserted. */
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

/** A worker as hosts see it: a {@link WorkerRef} with its code and the module that threads import it from. */
export interface Worker<Args, Result> extends WorkerRef<Args, Result> {
  /** The URL of the module that exports it. */
  readonly url: string;
  readonly perform: (job: Job<Args>, context: PerformContext) => unknown;
  readonly backoff: ((job: Job<Args>) => number) | undefined;
  /** Bytes compressed; undefined for the host's limit. */
  readonly resultLimit: number | undefined;
  /** How many of its jobs may go to a thread at once; undefined for one. */
  readonly batch: number | undefined;
}

/** Any worker, whatever its args and result: what a host's `workers` option takes. */
export interface AnyWorker {
  readonly name: string;
  readonly url: string;
  readonly new: (...args: never[]) => NewJob;
  readonly perform: (job: Job<never>, context: PerformContext) => unknown;
  readonly backoff: ((job: Job<never>) => number) | undefined;
  readonly resultLimit: number | undefined;
  readonly batch?: number | undefined;
}

/**
 * Defines a worker. `url` is always `import.meta.url`: threads import that module and look among its exports for this
 * worker, the default export first. Its args are whatever `perform` takes, as long as JSON gives them back unchanged.
 *
 * ```ts
 * export default defineWorker(import.meta.url, {
 *   name: "double",
 *   perform: (job: Job<{ int: number }>) => job.args.int * 2,
 * });
 * ```
 *
 * Throws {@link InvalidOptionError} for a definition that cannot be used.
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
 * Makes a worker's `.new` for callers that do not ship its code: only its type is imported. The definition's defaults
 * live in that code, so give here again those that matter to the caller, above all the queue.
 *
 * ```ts
 * import type Resize from "./workers/resize.js";
 * const resize = workerRef<typeof Resize>("resize", { queue: "images" });
 * await baton.call(resize.new({ path }));
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

/** Whether a value is what {@link defineWorker} made, in this or another copy of the package. */
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
      `of defineWorker must be import.meta.url, the module that exports the worker, and not ${typeof url === "string" ? JSON.stringify(url) : typeof url}. ` +
        "CommonJS, bundles included, has none: pass pathToFileURL(__filename).href",
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

/** More save nothing more, and each waits for all. */
const MAX_BATCH = 100;

function isIntegerFrom(min: number, max: number, value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= min && (value as number) <= max;
}

const DEFAULTS: ReadonlySet<string> = new Set(["queue", "priority", "maxAttempts", "tags", "meta"]);

function checkDefaults(maker: string, name: unknown, defaults: JobOptions): void {
  const nameProblem = workerNameProblem(name);
  if (nameProblem !== null) throw new InvalidOptionError("name", `of ${maker} ${nameProblem}`);
  for (const key of Object.keys(defaults)) {
    if (DEFAULTS.has(key)) continue;
    const own = maker === "defineWorker" ? ["name", "perform", "backoff", "resultLimit", "batch"] : [];
    const known = [...own, ...DEFAULTS].join(", ");
    throw new InvalidOptionError(key, `of ${maker} ${String(name)} is not known. There are: ${known}`);
  }
  const [problem] = optionProblems(defaults);
  if (problem !== undefined)
    throw new InvalidOptionError(problem.field, `of worker ${String(name)} ${problem.problem}`);
}
