import { types } from "node:util";
import { show } from "../codec/show.js";
import { InvalidJobError, type JobProblem } from "../errors.js";
import { keyProblems } from "../keys.js";
import type { JsonObject } from "./job.js";
import { jsonProblems } from "./json.js";

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

/** A job that passed every check, ready for its row. */
export interface CheckedJob {
  readonly worker: string;
  readonly queue: string;
  /** JSON text. */
  readonly args: string;
  readonly meta: JsonObject;
  readonly tags: readonly string[];
  readonly priority: number;
  readonly maxAttempts: number;
  /** ms since the epoch, or null. */
  readonly scheduledAt: number | null;
  /** ms from the database's now, or null. */
  readonly scheduleIn: number | null;
}

/** The keys of {@link JobOptions}. */
export const JOB_OPTIONS = ["queue", "priority", "maxAttempts", "tags", "meta"] as const;
/** The keys of {@link NewJobOptions}. */
const NEW_JOB_OPTIONS = [...JOB_OPTIONS, "scheduledAt", "scheduleIn"] as const;

const NAME = /^[\w./:@-]{1,128}$/;
const QUEUE = /^[\w.-]{1,64}$/;
const MAX_SMALLINT = 32_767;
const MAX_ARGS_BYTES = 16 * 1_024 * 1_024;
const MAX_META_BYTES = 1_024 * 1_024;
/** Jobs of one call go in one statement, which takes memory of the database and of this process. */
const MAX_JOBS = 100_000;
/** UTF-16 units of args and meta. */
const MAX_JOBS_LENGTH = 64 * 1_024 * 1_024;
const CENTURY = 100 * 365 * 86_400_000;

/** Says what is wrong with a worker's name, or null. */
export function workerNameProblem(name: unknown): string | null {
  if (typeof name === "string" && NAME.test(name)) return null;
  return `must be 1 to 128 letters, digits or any of _ . / : @ -, not ${show(name)}`;
}

/** Says what is wrong with a queue's name, or null. */
export function queueProblem(queue: unknown): string | null {
  if (typeof queue === "string" && QUEUE.test(queue)) return null;
  return `must be 1 to 64 letters, digits or any of _ . -, not ${show(queue)}`;
}

/** Lists what is wrong with the options that a worker may have defaults for. */
export function optionProblems(options: JobOptions): JobProblem[] {
  const problems: JobProblem[] = [];
  const { queue, priority, maxAttempts, tags, meta } = options;
  function check(field: string, problem: string | null): void {
    if (problem !== null) problems.push({ field, problem });
  }
  if (queue !== undefined) check("queue", queueProblem(queue));
  if (priority !== undefined) check("priority", integerProblem(priority, 0, MAX_SMALLINT));
  if (maxAttempts !== undefined) check("maxAttempts", integerProblem(maxAttempts, 1, MAX_SMALLINT));
  if (tags !== undefined) check("tags", tagsProblem(tags));
  if (meta !== undefined) {
    if (typeof meta !== "object" || meta === null || Array.isArray(meta))
      check("meta", `must be a JSON object, not ${show(meta)}`);
    else problems.push(...metaProblems(meta));
  }
  return problems;
}

/**
 * Checks a new job and fills in the defaults. Throws {@link InvalidJobError} with every problem
 * found.
 */
export function checkJob(job: NewJob): CheckedJob {
  if (typeof job !== "object" || job === null || typeof job.options !== "object" || job.options === null) {
    throw new InvalidJobError("?", [
      { field: "job", problem: `must be made by a worker, as in Double.new({ int: 2 }), and is ${show(job)}` },
    ]);
  }
  const { worker, options } = job;
  const args = job.args === undefined ? {} : job.args;
  const problems = [
    ...jsonProblems(args, "args"),
    ...keyProblems(options, NEW_JOB_OPTIONS),
    ...optionProblems(options),
    ...timeProblems(options),
  ];
  const nameProblem = workerNameProblem(job.worker);
  if (nameProblem !== null) problems.unshift({ field: "worker", problem: nameProblem });
  const text = problems.length === 0 ? JSON.stringify(args) : "";
  if (Buffer.byteLength(text) > MAX_ARGS_BYTES) {
    problems.push({ field: "args", problem: `are over ${MAX_ARGS_BYTES} bytes: pass a reference to the data` });
  }
  if (problems.length > 0) throw new InvalidJobError(worker, problems);
  return {
    worker,
    queue: options.queue ?? "default",
    args: text,
    meta: options.meta ?? {},
    tags: options.tags ?? [],
    priority: options.priority ?? 0,
    maxAttempts: options.maxAttempts ?? 20,
    scheduledAt: options.scheduledAt?.getTime() ?? null,
    scheduleIn: options.scheduleIn ?? null,
  };
}

/**
 * Checks a list of new jobs: at most 100,000, with at most 64 MiB of args and meta. Throws
 * {@link InvalidJobError} for the first that cannot be inserted, and for a list over a limit.
 */
export function checkJobs(jobs: readonly NewJob[]): CheckedJob[] {
  if (!Array.isArray(jobs))
    throw jobsError(`must be an array of jobs, such as [Double.new({ int: 2 })], not ${show(jobs)}`);
  if (jobs.length > MAX_JOBS) throw jobsError(`are ${jobs.length}, over ${MAX_JOBS}: ${PARTS}`);
  const checked: CheckedJob[] = [];
  let length = 0;
  for (const job of jobs as readonly NewJob[]) {
    const one = checkJob(job);
    checked.push(one);
    length += one.args.length + (job.options.meta === undefined ? 0 : JSON.stringify(one.meta).length);
    if (length > MAX_JOBS_LENGTH) throw jobsError(`have over ${MAX_JOBS_LENGTH} characters of args and meta: ${PARTS}`);
  }
  return checked;
}

const PARTS = "they go in one statement, all or none. Insert them in parts";

function jobsError(problem: string): InvalidJobError {
  return new InvalidJobError("?", [{ field: "jobs", problem }]);
}

function metaProblems(meta: JsonObject): JobProblem[] {
  const problems = jsonProblems(meta, "meta");
  if (problems.length > 0 || Buffer.byteLength(JSON.stringify(meta)) <= MAX_META_BYTES) return problems;
  return [{ field: "meta", problem: `is over ${MAX_META_BYTES} bytes: pass a reference to the data` }];
}

function timeProblems({ scheduledAt, scheduleIn }: NewJobOptions): JobProblem[] {
  const problems: JobProblem[] = [];
  if (scheduledAt !== undefined) {
    const time = types.isDate(scheduledAt) ? scheduledAt.getTime() : Number.NaN;
    // Years 0 to 9999: what both PostgreSQL and ISO 8601 write without ado.
    if (!(time >= -62_167_219_200_000 && time < 253_402_300_800_000)) {
      problems.push({ field: "scheduledAt", problem: `must be a valid Date, not ${show(scheduledAt)}` });
    }
    if (scheduleIn !== undefined) problems.push({ field: "scheduleIn", problem: "cannot be given beside scheduledAt" });
  } else if (
    scheduleIn !== undefined &&
    !(typeof scheduleIn === "number" && scheduleIn >= 0 && scheduleIn <= CENTURY)
  ) {
    problems.push({
      field: "scheduleIn",
      problem: `must be a number of ms, 0 or more, up to a century, not ${show(scheduleIn)}`,
    });
  }
  return problems;
}

function integerProblem(value: unknown, min: number, max: number): string | null {
  return Number.isInteger(value) && (value as number) >= min && (value as number) <= max
    ? null
    : `must be an integer from ${min} to ${max}, not ${show(value)}`;
}

function tagsProblem(tags: unknown): string | null {
  const fits = (tag: unknown) => typeof tag === "string" && /^[^\0]{1,255}$/su.test(tag) && tag.isWellFormed();
  return Array.isArray(tags) && tags.length <= 64 && tags.every(fits)
    ? null
    : `must be an array of at most 64 strings of 1 to 255 characters, not ${show(tags)}`;
}
