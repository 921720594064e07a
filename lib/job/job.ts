import type { Suspicion } from "./suspicion.js";

/** A job's row, in the three shapes in which it travels: as `perform` sees it, as a claim carries it, as a listing shows it. */

/** The states, as in Oban. The position is what the `state` column holds. */
export const JOB_STATES = [
  "scheduled",
  "available",
  "executing",
  "retryable",
  "completed",
  "discarded",
  "cancelled",
] as const;

/** Where a job stands. `completed`, `discarded` and `cancelled` are final. */
export type JobState = (typeof JOB_STATES)[number];

/** The number that the `state` column holds for a state. */
export function stateNumber(state: JobState): number {
  return JOB_STATES.indexOf(state);
}

/** The state that a number in the `state` column stands for. */
export function stateOf(number: number): JobState {
  return JOB_STATES[number] as JobState;
}

/** Any JSON object: what `meta` is. */
export type JsonObject = { readonly [key: string]: unknown };

/** A job as `perform` gets it. Plain data: changing it changes nothing in the database. */
export interface Job<Args = unknown> {
  readonly id: number;
  readonly worker: string;
  readonly queue: string;
  readonly args: Args;
  readonly meta: JsonObject;
  readonly tags: readonly string[];
  /** 0 is first. */
  readonly priority: number;
  /** Counts from 1: this is the attempt under way. Snoozes and jobs given back do not count. */
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly scheduledAt: Date;
  readonly insertedAt: Date;
  readonly attemptedAt: Date;
}

/** A job as a claim carries it from the row to the thread: JSON as text and times in ms, so that only the thread parses. */
export interface ClaimedJob {
  readonly id: number;
  /** How often this row has been claimed. It only rises, so (host, claim) is the fence of every later write. */
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
  /** 0: none. 1: a host died while it held the job. 2: the job runs alone, in a process of its own (`job/suspicion.ts`). */
  readonly suspicion: Suspicion;
  /** Whether the row counts the attempt already; else the job is only held, and the attempt counts once it begins. */
  readonly begun: boolean;
  /** Whether somebody awaits it; more may do so later. */
  readonly awaited: boolean;
  /** ms since the epoch, like all times of a claim. */
  readonly scheduledAt: number;
  readonly insertedAt: number;
  /** When the attempt began; of a job that is only held, when it was claimed. */
  readonly attemptedAt: number;
  /** The ref of its relay, 22 characters of base64url; null where nobody asked for one. */
  readonly ref: string | null;
}

/** The order in which jobs run: by priority, then by time, then by id. */
export function compareJobs(a: ClaimedJob, b: ClaimedJob): number {
  return a.priority - b.priority || a.scheduledAt - b.scheduledAt || a.id - b.id;
}

/** One failed attempt, as the row's `errors` keeps it: the newest ten. */
export interface JobErrorEntry {
  /** ISO 8601, the database's clock. */
  readonly at: string;
  readonly attempt: number;
  /** Name, message and stack, cut to 4,000 characters. */
  readonly error: string;
}

/** A job as `baton.jobs()` lists it. */
export interface JobRow<Args = unknown> extends Omit<Job<Args>, "attemptedAt"> {
  readonly state: JobState;
  readonly attemptedAt: Date | null;
  readonly finishedAt: Date | null;
  /** The id of the host that claimed it last. */
  readonly attemptedBy: string | null;
  readonly errors: readonly JobErrorEntry[];
}
