import { types } from "node:util";
import { show } from "../codec/show.js";
import { InvalidJobError, type JobProblem } from "../errors.js";
import { keyProblems } from "../keys.js";
import type { JsonObject } from "./job.js";
import { jsonProblems } from "./json.js";
import type { JobOptions, NewJob, NewJobOptions } from "./new-job.js";

/** A job that passed all checks and can be inserted, with its defaults filled in. */
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
  /** ms from the database's current time, or null. */
  readonly scheduleIn: number | null;
}

/** The keys of {@link JobOptions}. */
export const JOB_OPTIONS = ["queue", "priority", "maxAttempts", "tags", "meta"] as const;
/** The keys of {@link NewJobOptions}. */
const NEW_JOB_OPTIONS = [...JOB_OPTIONS, "scheduledAt", "scheduleIn"] as const;

const WORKER = /^[\w./:@-]{1,128}$/;
const QUEUE = /^[\w.-]{1,64}$/;
const MAX_SMALLINT = 32_767;
const MAX_ARGS_BYTES = 16 * 1_024 * 1_024;
const MAX_META_BYTES = 1_024 * 1_024;
/**
 * Most jobs of one call. One statement inserts them, which takes memory here and in the database.
 */
const MAX_JOBS = 100_000;
/** Most UTF-16 code units of the args and meta of all jobs of one call. */
const MAX_JOBS_LENGTH = 64 * 1_024 * 1_024;
/** In ms. */
const CENTURY = 100 * 365 * 86_400_000;

/** The problem of a worker's name; null if it is valid. */
export function workerNameProblem(name: unknown): string | null {
  if (typeof name === "string" && WORKER.test(name)) return null;
  return `must be 1 to 128 letters, digits or any of _ . / : @ -, not ${show(name)}`;
}

/** The problem of a queue's name; null if it is valid. */
export function queueProblem(queue: unknown): string | null {
  if (typeof queue === "string" && QUEUE.test(queue)) return null;
  return `must be 1 to 64 letters, digits or any of _ . -, not ${show(queue)}`;
}

/** The problems of options for which a worker may define defaults. */
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
 * Checks a new job and fills in the defaults.
 *
 * @throws {@link InvalidJobError} with all problems of the job
 */
export function checkJob(job: NewJob): CheckedJob {
  if (typeof job !== "object" || job === null || typeof job.options !== "object" || job.options === null) {
    throw new InvalidJobError("?", [
      { field: "job", problem: `must come from a worker, as in Double.new({ int: 2 }), not ${show(job)}` },
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
    problems.push({
      field: "args",
      problem: `have more than ${MAX_ARGS_BYTES} bytes as JSON: pass a reference to the data`,
    });
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
 * Checks an array of new jobs: at most 100,000, with at most 64 Mi characters of args and meta.
 *
 * @throws {@link InvalidJobError} for the first invalid job, and for an array over a limit
 */
export function checkJobs(jobs: readonly NewJob[]): CheckedJob[] {
  if (!Array.isArray(jobs))
    throw jobsError(`must be an array of jobs, such as [Double.new({ int: 2 })], not ${show(jobs)}`);
  if (jobs.length > MAX_JOBS) throw jobsError(`are ${jobs.length}, more than ${MAX_JOBS}: ${PARTS}`);
  const checked: CheckedJob[] = [];
  let length = 0;
  for (const job of jobs as readonly NewJob[]) {
    const one = checkJob(job);
    checked.push(one);
    length += one.args.length + (job.options.meta === undefined ? 0 : JSON.stringify(one.meta).length);
    if (length > MAX_JOBS_LENGTH)
      throw jobsError(`have more than ${MAX_JOBS_LENGTH} characters of args and meta: ${PARTS}`);
  }
  return checked;
}

const PARTS = "one statement inserts all or none. Insert them in parts";

function jobsError(problem: string): InvalidJobError {
  return new InvalidJobError("?", [{ field: "jobs", problem }]);
}

function metaProblems(meta: JsonObject): JobProblem[] {
  const problems = jsonProblems(meta, "meta");
  if (problems.length > 0 || Buffer.byteLength(JSON.stringify(meta)) <= MAX_META_BYTES) return problems;
  return [{ field: "meta", problem: `has more than ${MAX_META_BYTES} bytes as JSON: pass a reference to the data` }];
}

function timeProblems({ scheduledAt, scheduleIn }: NewJobOptions): JobProblem[] {
  const problems: JobProblem[] = [];
  if (scheduledAt !== undefined) {
    const time = types.isDate(scheduledAt) ? scheduledAt.getTime() : Number.NaN;
    // Years 0 to 9999, which PostgreSQL and ISO 8601 write the same way.
    if (!(time >= -62_167_219_200_000 && time < 253_402_300_800_000)) {
      problems.push({ field: "scheduledAt", problem: `must be a valid Date, not ${show(scheduledAt)}` });
    }
    if (scheduleIn !== undefined)
      problems.push({ field: "scheduleIn", problem: "cannot be combined with scheduledAt" });
  } else if (
    scheduleIn !== undefined &&
    !(typeof scheduleIn === "number" && scheduleIn >= 0 && scheduleIn <= CENTURY)
  ) {
    problems.push({
      field: "scheduleIn",
      problem: `must be a number of ms from 0 to ${CENTURY} (a century), not ${show(scheduleIn)}`,
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
