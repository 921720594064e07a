import type { Suspicion } from "./suspicion.js";

/** The forms of a job: as `perform` gets it, as a claim brings it, as `jobs()` lists it. */

/** The states, as in Oban. Their positions are the numbers in the `state` column. */
export const JOB_STATES = [
  "scheduled",
  "available",
  "executing",
  "retryable",
  "completed",
  "discarded",
  "cancelled",
] as const;

/** The state of a job. `completed`, `discarded` and `cancelled` are final. */
export type JobState = (typeof JOB_STATES)[number];

/** The number of a state in the `state` column. */
export function stateNumber(state: JobState): number {
  return JOB_STATES.indexOf(state);
}

/** The state that a number in the `state` column stands for. */
export function stateOf(number: number): JobState {
  return JOB_STATES[number] as JobState;
}

/** Any JSON object, such as a job's `meta`. */
export type JsonObject = { readonly [key: string]: unknown };

/** A job as `perform` gets it. A copy: changes to it do not reach the database. */
export interface Job<Args = unknown> {
  /** The id of its row. Rises with each insert, with gaps. */
  readonly id: number;
  /** The name of its worker. */
  readonly worker: string;
  /** The queue that it waits in. */
  readonly queue: string;
  /** The args that it was inserted with, after a round trip through JSON. */
  readonly args: Args;
  /** The `meta` that it was inserted with. */
  readonly meta: JsonObject;
  /** The `tags` that it was inserted with. */
  readonly tags: readonly string[];
  /** 0 runs first. */
  readonly priority: number;
  /** The number of the current or last attempt, from 1. Snoozes and released jobs do not count. */
  readonly attempt: number;
  /** How many attempts it gets before it is discarded. */
  readonly maxAttempts: number;
  /** When it may run at the earliest. */
  readonly scheduledAt: Date;
  /** When it was inserted, by the database's clock. */
  readonly insertedAt: Date;
  /** When the current or last attempt began, by the database's clock. */
  readonly attemptedAt: Date;
}

/**
 * A job as a claim brings it from the row. JSON is text and times are in ms since the epoch: only
 * the thread parses them.
 */
export interface ClaimedJob {
  readonly id: number;
  /** How often the row was claimed. Only rises, so that (host, claim) fences every later write. */
  readonly claim: number;
  readonly worker: string;
  readonly queue: string;
  /** JSON text. */
  readonly args: string;
  /** JSON text. */
  readonly meta: string;
  readonly tags: readonly string[];
  readonly priority: number;
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly suspicion: Suspicion;
  /** Whether the row counts the attempt already. If not, the job is held. */
  readonly begun: boolean;
  /** Whether the job was awaited when it was claimed. Awaits may still come later. */
  readonly awaited: boolean;
  readonly scheduledAt: number;
  readonly insertedAt: number;
  /** When the attempt began. For a held job, when it was claimed. */
  readonly attemptedAt: number;
  /** The ref of the job's relay, 22 characters of base64url; null for a job without a relay. */
  readonly ref: string | null;
}

/** What a thread gets of a claimed job. All other fields stay with the host. */
export type ThreadJob = Pick<
  ClaimedJob,
  | "id"
  | "claim"
  | "worker"
  | "queue"
  | "args"
  | "meta"
  | "tags"
  | "priority"
  | "attempt"
  | "maxAttempts"
  | "scheduledAt"
  | "insertedAt"
  | "attemptedAt"
>;

/** The order in which jobs run: by priority, then by time, then by id. */
export function compareJobs(a: ClaimedJob, b: ClaimedJob): number {
  return a.priority - b.priority || a.scheduledAt - b.scheduledAt || a.id - b.id;
}

/** One failed attempt in the `errors` of a {@link JobRow}. */
export interface JobErrorEntry {
  /** When it failed: ISO 8601, by the database's clock. */
  readonly at: string;
  /** The number of the attempt. */
  readonly attempt: number;
  /** Name, message and stack of the error, cut to 4,000 characters. */
  readonly error: string;
}

/** A job as `baton.jobs()` lists it. */
export interface JobRow<Args = unknown> extends Omit<Job<Args>, "attemptedAt"> {
  /** Where the job stands. */
  readonly state: JobState;
  /** When the last attempt began. Null before the first. */
  readonly attemptedAt: Date | null;
  /** When it reached a final state. Null before that. */
  readonly finishedAt: Date | null;
  /** The id of the host that claimed it last. Null before the first claim. */
  readonly attemptedBy: string | null;
  /** Its failed attempts, the last ten at most. */
  readonly errors: readonly JobErrorEntry[];
}
