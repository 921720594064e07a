import { show } from "../codec/show.js";
import { InvalidOptionError } from "../errors.js";
import { JOB_STATES, type JobState, stateNumber } from "../job/job.js";
import { checkKeys } from "../keys.js";

/** The filter of `baton.jobs()`. It lists the jobs that meet every condition; `{}` lists all. */
export interface JobFilter {
  /** The state of the job, or several of which it has one. */
  readonly state?: JobState | readonly JobState[];
  /** The queue of the job. */
  readonly queue?: string;
  /** The name of the job's worker. */
  readonly worker?: string;
  /** One of the job's tags. */
  readonly tag?: string;
  /** The ids of the jobs. Ids without a job are skipped. */
  readonly ids?: readonly number[];
}

/** A valid filter: states as the column stores them; ids sorted, without duplicates. */
export interface CheckedFilter {
  readonly states: readonly number[] | null;
  readonly queue: string | null;
  readonly worker: string | null;
  readonly tag: string | null;
  readonly ids: readonly number[] | null;
}

const KNOWN = ["state", "queue", "worker", "tag", "ids"] as const;

/**
 * Validates the filter of `baton.jobs()`.
 *
 * @throws {@link InvalidOptionError} for the first condition that is unknown or invalid.
 */
export function checkFilter(filter: JobFilter): CheckedFilter {
  if (typeof filter !== "object" || filter === null || Array.isArray(filter)) {
    throw new InvalidOptionError(
      "filter",
      `of jobs must be an object, such as { state: "discarded" }, not ${show(filter)}`,
    );
  }
  checkKeys(filter, KNOWN, { of: "jobs" });
  const { state, queue, worker, tag, ids } = filter;
  return {
    states: state === undefined ? null : [state].flat().map(checkState),
    queue: checkText("queue", queue),
    worker: checkText("worker", worker),
    tag: checkText("tag", tag),
    ids: ids === undefined ? null : checkIds(ids),
  };
}

function checkState(state: JobState): number {
  const number = stateNumber(state);
  if (number !== -1) return number;
  throw new InvalidOptionError("state", `of jobs must be one of ${JOB_STATES.join(", ")}, not ${show(state)}`);
}

/** PostgreSQL cannot store NUL characters in text. */
function checkText(option: string, value: unknown): string | null {
  if (value === undefined) return null;
  if (typeof value === "string" && !value.includes("\0")) return value;
  throw new InvalidOptionError(option, `of jobs must be a string without NUL characters, not ${show(value)}`);
}

function checkIds(ids: unknown): number[] {
  if (!Array.isArray(ids))
    throw new InvalidOptionError("ids", `of jobs must be an array of integers, not ${show(ids)}`);
  // Not `find`, which cannot report an element that is undefined.
  const wrong = ids.findIndex((id) => !Number.isSafeInteger(id));
  if (wrong !== -1)
    throw new InvalidOptionError(`ids[${wrong}]`, `of jobs must be an integer, not ${show(ids[wrong])}`);
  return [...new Set<number>(ids)].sort((a, b) => a - b);
}
