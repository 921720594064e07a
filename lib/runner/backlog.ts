import { type ClaimedJob, compareJobs } from "../job/job.js";

/** A job that waits for a thread, and since when. */
interface Held {
  readonly job: ClaimedJob;
  readonly since: number;
}

export interface BacklogOptions {
  /** How long a job may be held, in ms. */
  readonly patience: () => number;
  /** Takes back jobs of which the first was held for too long. */
  readonly onOverdue: (jobs: readonly ClaimedJob[]) => void;
}

/** More than is ever held ahead for a thread: from here on nothing is held back any more. */
const UNBOUNDED = 256;

/**
 * The jobs of one queue that this host has claimed ahead, in the order in which they are to run.
 * They are meant to begin within a tenth of a second. Where a slow job keeps them from it, all of
 * them go back to everybody: another host may be idle.
 */
export class Backlog {
  readonly #options: BacklogOptions;
  #held: Held[] = [];
  #timer: NodeJS.Timeout | undefined;
  /**
   * How many may be held for each thread. 0 after jobs were held for too long, until a thread comes
   * free.
   */
  #allowance = Number.POSITIVE_INFINITY;

  constructor(options: BacklogOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#held.length;
  }

  get jobs(): ClaimedJob[] {
    return this.#held.map(({ job }) => job);
  }

  /**
   * How many may be held for each thread: after a slow spell few, doubling whenever what was held
   * has begun in time.
   */
  get allowance(): number {
    return this.#allowance;
  }

  /** Takes up jobs, each in its place among those that wait. */
  add(jobs: readonly ClaimedJob[]): void {
    const since = performance.now();
    this.#held = merge(
      this.#held,
      jobs.map((job) => ({ job, since })),
    );
    this.#watch();
  }

  /**
   * Takes out what goes to the next thread: the first job, and with it those right behind it that
   * may share a batch, `most` in all. A job with which a host has died goes alone.
   */
  next(batchOf: (worker: string) => number, threads: number): ClaimedJob[] {
    const [first] = this.#held;
    if (first === undefined) return [];
    const { worker, suspicion } = first.job;
    const most = suspicion > 0 ? 1 : Math.min(batchOf(worker), Math.ceil(this.size / threads));
    const end = this.#held.findIndex(
      ({ job }, at) => at >= most || job.worker !== worker || (at > 0 && job.suspicion > 0),
    );
    const taken = this.#held.splice(0, end === -1 ? this.size : Math.max(end, 1));
    if (this.size === 0) this.#emptied();
    return taken.map(begun);
  }

  /** Forgets what it holds, and returns it. */
  clear(): ClaimedJob[] {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    return this.#held.splice(0).map(({ job }) => job);
  }

  /** A thread has come free. */
  freed(): void {
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
    const oldest = Math.min(...this.#held.map(({ since }) => since));
    const left = oldest + this.#options.patience() - performance.now();
    this.#timer = setTimeout(() => this.#look(oldest), Math.max(left, 1));
  }

  #look(oldest: number): void {
    this.#timer = undefined;
    const waits = this.#held.some(({ since }) => since <= oldest);
    if (!waits) return this.#watch();
    this.#allowance = 0;
    this.#options.onOverdue(this.clear());
  }
}

/** Two lists of jobs, each in order, as one in order. */
function merge(held: readonly Held[], more: readonly Held[]): Held[] {
  const merged: Held[] = [];
  let at = 0;
  for (const one of more) {
    while (at < held.length && compareJobs((held[at] as Held).job, one.job) <= 0) merged.push(held[at++] as Held);
    merged.push(one);
  }
  return merged.concat(held.slice(at));
}

/**
 * What was only held begins later than it was claimed: by the database's clock, and our watch since
 * then.
 */
function begun({ job, since }: Held): ClaimedJob {
  return job.begun ? job : { ...job, attemptedAt: job.attemptedAt + performance.now() - since };
}
