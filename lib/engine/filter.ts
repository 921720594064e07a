import { show } from "../codec/show.js";
import { InvalidOptionError } from "../errors.js";
import { JOB_STATES, type JobState, stateNumber } from "../job/job.js";
import { checkKeys } from "../keys.js";

/** Which jobs `baton.jobs()` lists: those that meet every condition given. */
export interface JobFilter {
  /** One state, or any of several. */
  readonly state?: JobState | readonly JobState[];
  readonly queue?: string;
  readonly worker?: string;
  /** A tag that the job has. */
  readonly tag?: string;
  readonly ids?: readonly number[];
}

/** A filter that can be used: states as the column has them, ids in order and each once. */
export interface CheckedFilter {
  readonly states: readonly number[] | null;
  readonly queue: string | null;
  readonly worker: string | null;
  readonly tag: string | null;
  readonly ids: readonly number[] | null;
}

const KNOWN = ["state", "queue", "worker", "tag", "ids"] as const;

/** Checks what `baton.jobs()` was given. Throws {@link InvalidOptionError} for the first thing that cannot be used. */
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

/** PostgreSQL refuses a text with a NUL character. */
function checkText(option: string, value: unknown): string | null {
  if (value === undefined) return null;
  if (typeof value === "string" && !value.includes("\0")) return value;
  throw new InvalidOptionError(option, `of jobs must be a text without NUL characters, not ${show(value)}`);
}

function checkIds(ids: unknown): number[] {
  if (!Array.isArray(ids))
    throw new InvalidOptionError("ids", `of jobs must be an array of integers, not ${show(ids)}`);
  // Not `find`: an id may be missing or undefined.
  const wrong = ids.findIndex((id) => !Number.isSafeInteger(id));
  if (wrong !== -1)
    throw new InvalidOptionError(`ids[${wrong}]`, `of jobs must be an integer, not ${show(ids[wrong])}`);
  return [...new Set<number>(ids)].sort((a, b) => a - b);
}
