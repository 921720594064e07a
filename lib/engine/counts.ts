import { type JobState, stateOf } from "../job/job.js";
import { tablesOf } from "./fragments.js";
import { operation } from "./parameters.js";

/** The number of jobs of one queue in one state. */
export interface QueueCount {
  /** The queue's name. */
  readonly queue: string;
  /** The state that the jobs are in. */
  readonly state: JobState;
  /** How many there are. */
  readonly jobs: number;
}

/** A count as the statement returns it. */
export interface CountRow extends Omit<QueueCount, "state"> {
  readonly state: number;
}

/** Counts the jobs that wait or run, by queue and state. Reads every such row. */
export function counts(prefix: string) {
  const { jobs } = tablesOf(prefix);
  return operation(
    "counts",
    `select queue, state, pg_catalog.count(*)::int as jobs from ${jobs} where state < 4
    group by queue, state order by queue, state`,
    () => [],
  );
}

export function toCount({ queue, state, jobs }: CountRow): QueueCount {
  return { queue, state: stateOf(state), jobs };
}
