import { type ClaimedJob, compareJobs } from "../job/job.js";

/** A job that waits for a thread. */
interface Waiting {
  readonly job: ClaimedJob;
  /** When it joined the backlog, by `performance.now()`. */
  readonly since: number;
}

export interface BacklogOptions {
  /** How long in ms a job may wait here. */
  readonly patience: () => number;
  /** Called with all jobs, which have left the backlog, once one has waited too long. */
  readonly onOverdue: (jobs: readonly ClaimedJob[]) => void;
}

/** More than a host ever prefetches for one thread, so a larger allowance limits nothing. */
const UNBOUNDED = 256;

/**
 * The jobs of one queue that this host has prefetched, in the order in which they are to run. If
 * one waits for longer than `patience`, all are released: another host may be idle.
 */
export class Backlog {
  readonly #options: BacklogOptions;
  /** In the order of {@link compareJobs}. */
  #waiting: Waiting[] = [];
  /** Fires when the oldest job, as of its start, is overdue. Undefined while no job waits. */
  #timer: NodeJS.Timeout | undefined;
  #allowance = Number.POSITIVE_INFINITY;

  constructor(options: BacklogOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#waiting.length;
  }

  get jobs(): ClaimedJob[] {
    return this.#waiting.map(({ job }) => job);
  }

  /**
   * How many jobs may wait per thread. Infinity at first, 0 once jobs were overdue, and 1 when a
   * thread comes free after that. Doubles whenever the backlog empties in time.
   */
  get allowance(): number {
    return this.#allowance;
  }

  /** Adds the jobs of a claim, which are in order, each in its place among the waiting ones. */
  add(jobs: readonly ClaimedJob[]): void {
    const since = performance.now();
    this.#waiting = merge(
      this.#waiting,
      jobs.map((job) => ({ job, since })),
    );
    this.#watch();
  }

  /**
   * Removes and returns the jobs for the next thread: the first, and the jobs right behind
   * it that may share its batch. Leaves a fair share for each of the `threads` that are
   * free now. A suspect goes alone.
   */
  next(batchOf: (worker: string) => number, threads: number): ClaimedJob[] {
    const [first] = this.#waiting;
    if (first === undefined) return [];
    const { worker, suspicion } = first.job;
    const most = suspicion > 0 ? 1 : Math.min(batchOf(worker), Math.ceil(this.size / threads));
    const end = this.#waiting.findIndex(
      ({ job }, at) => at >= most || job.worker !== worker || (at > 0 && job.suspicion > 0),
    );
    const batch = this.#waiting.splice(0, end === -1 ? this.size : Math.max(end, 1));
    if (this.size === 0) this.#emptied();
    return batch.map(startingNow);
  }

  /** Removes and returns all jobs. */
  clear(): ClaimedJob[] {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    return this.#waiting.splice(0).map(({ job }) => job);
  }

  /** Notes that a thread has come free. After overdue jobs, jobs may wait here again. */
  threadFreed(): void {
    if (this.#allowance === 0) this.#allowance = 1;
  }

  #emptied(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#allowance *= 2;
    if (this.#allowance > UNBOUNDED) this.#allowance = Number.POSITIVE_INFINITY;
  }

  #watch(): void {
    if (this.#timer !== undefined || this.size === 0) return;
    const oldest = Math.min(...this.#waiting.map(({ since }) => since));
    const left = oldest + this.#options.patience() - performance.now();
    this.#timer = setTimeout(() => this.#check(oldest), Math.max(left, 1));
  }

  #check(oldest: number): void {
    this.#timer = undefined;
    const overdue = this.#waiting.some(({ since }) => since <= oldest);
    if (!overdue) return this.#watch();
    this.#allowance = 0;
    this.#options.onOverdue(this.clear());
  }
}

/** Merges two sorted lists into one. */
function merge(waiting: readonly Waiting[], more: readonly Waiting[]): Waiting[] {
  const merged: Waiting[] = [];
  let at = 0;
  for (const one of more) {
    while (at < waiting.length && compareJobs((waiting[at] as Waiting).job, one.job) <= 0)
      merged.push(waiting[at++] as Waiting);
    merged.push(one);
  }
  return merged.concat(waiting.slice(at));
}

/**
 * Moves `attemptedAt` of a held job from its claim to its start. Only the wait is measured by this
 * process's clock, so that the time stays the database's.
 */
function startingNow({ job, since }: Waiting): ClaimedJob {
  return job.begun ? job : { ...job, attemptedAt: job.attemptedAt + performance.now() - since };
}
