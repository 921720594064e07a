import { setTimeout as sleep } from "node:timers/promises";
import type { ClaimedJob } from "../job/job.js";
import type { Engine } from "../postgres/engine.js";
import { retryDelay } from "../postgres/failure.js";
import type { Telemetry } from "../telemetry.js";
import { blend, prefetch } from "./demand.js";
import type { Executor } from "./executor.js";
import type { Holds } from "./holds.js";

/** The threads that all producers of a host share. */
export interface Capacity {
  readonly size: number;
  /** Threads that no job has, and none is promised. */
  readonly free: number;
  /**
   * Whether nothing may be claimed or started now: outcomes pile up unwritten, or the host cannot know whether what it holds is
   * still its own.
   */
  readonly closed: boolean;
}

export interface ProducerOptions {
  readonly queue: string;
  /** How many of its jobs run at a time; a batch in one thread counts as one, as they run one after the other. */
  readonly limit: number;
  readonly paused: boolean;
  readonly engine: Engine;
  readonly executor: Executor;
  readonly holds: Holds;
  readonly capacity: Capacity;
  /** How many jobs of a worker may go to a thread at once. */
  readonly batchOf: (worker: string) => number;
  /** Called when a thread has come free, so that every queue gets its turn. */
  readonly onFree: () => void;
  /** Called when a statement that may have claimed jobs failed: the table may say more than this host knows. */
  readonly onDoubt: () => void;
  readonly telemetry: Telemetry;
}

/** A job that waits for a thread, and since when. */
interface Held {
  readonly job: ClaimedJob;
  readonly since: number;
}

/**
 * Fetches one queue's jobs as threads and limit allow, and hands them to the executor. It claims when it has room and a
 * reason to think that there are jobs: a notification, an insert of its own, a claim that brought all it asked for, or the
 * lifeline's look, which finds what a notification should have told.
 */
export class Producer {
  readonly #options: ProducerOptions;
  readonly #waiting: Held[] = [];
  readonly #stopping = new AbortController();
  #running = 0;
  #reserved = 0;
  /** Jobs that the claim under way begins: their threads are promised. */
  #expected = 0;
  #hungry = true;
  #claiming: Promise<void> | undefined;
  #started = false;
  #roundTrip: number | null = null;
  #jobTime: number | null = null;
  /** Of the worker whose jobs ran last. */
  #batch = 1;

  constructor(options: ProducerOptions) {
    this.#options = options;
  }

  get queue(): string {
    return this.#options.queue;
  }

  /** Threads that have its jobs, or are promised to them. */
  get running(): number {
    return this.#running + this.#reserved + this.#expected;
  }

  /** Jobs claimed that wait for a thread. */
  get waiting(): number {
    return this.#waiting.length;
  }

  start(): void {
    this.#started = true;
    this.wake();
  }

  /** Claims no more, and gives back what it holds; that is written with the last outcomes. Running jobs go on. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#release();
    await this.#claiming;
    this.#release();
  }

  /** There may be jobs. */
  wake(): void {
    this.#hungry = true;
    if (this.#started) this.advance();
  }

  /** Starts and claims what there is room for. */
  advance(): void {
    if (this.#stopping.signal.aborted) return;
    const { capacity, limit, paused } = this.#options;
    while (this.#waiting.length > 0 && this.running < limit && capacity.free > 0 && !capacity.closed) {
      void this.#run(this.#next());
    }
    if (this.#claiming !== undefined || !this.#hungry || paused) return;
    const demand = this.#demand();
    if (demand > 0) this.#claiming = this.#fetch(demand);
  }

  /**
   * Promises a thread to a job that is about to be inserted by this process, if that passes nobody by: there is a free
   * thread, and no job of this queue is known to wait. Kept by {@link runReserved} or {@link unreserve}.
   */
  reserve(): boolean {
    const { capacity, limit, paused } = this.#options;
    const idle = !this.#hungry && this.#claiming === undefined && this.#waiting.length === 0;
    if (paused || !idle || this.#stopping.signal.aborted || this.running >= limit || capacity.free < 1) return false;
    if (capacity.closed) return false;
    this.#reserved += 1;
    return true;
  }

  runReserved(job: ClaimedJob): void {
    this.#reserved -= 1;
    void this.#run([job]);
  }

  /** There is no such job, or its insert failed and nobody knows whether there is. */
  unreserve(): void {
    this.#reserved -= 1;
    this.#options.onFree();
    this.#options.onDoubt();
    this.wake();
  }

  /** Forgets what it holds: others have it now. */
  forget(): void {
    for (const { job } of this.#waiting.splice(0)) this.#options.holds.drop(job);
  }

  /**
   * What goes to the next thread: the first that waits, and with it those behind it that may share a batch, but for the share of
   * the other free threads. A job with which a host has died goes alone.
   */
  #next(): ClaimedJob[] {
    const { limit, capacity, batchOf } = this.#options;
    const [first] = this.#waiting as [Held];
    this.#batch = batchOf(first.job.worker);
    if (this.#batch === 1 || first.job.suspicion > 0) return [begun(this.#waiting.shift() as Held)];
    const share = Math.ceil(this.#waiting.length / Math.min(limit - this.running, capacity.free));
    const most = Math.min(this.#batch, share);
    const matches = ({ job }: Held) => job.worker === first.job.worker && job.suspicion === 0;
    let count = 1;
    while (count < most && matches(this.#waiting[count] as Held)) count += 1;
    return this.#waiting.splice(0, count).map(begun);
  }

  #demand(): number {
    const { limit, capacity } = this.#options;
    if (capacity.closed) return 0;
    const room = Math.min(limit - this.running, capacity.free);
    const ahead = prefetch(Math.min(limit, capacity.size), this.#roundTrip, this.#jobTime, this.#batch);
    // Small claims cost as much as large ones: it fetches when half is gone, not one for each job that ends.
    return this.#waiting.length > ahead / 2 ? 0 : room + ahead - this.#waiting.length;
  }

  async #fetch(demand: number): Promise<void> {
    const { queue, telemetry } = this.#options;
    this.#hungry = false;
    try {
      await this.#claim(demand);
    } catch (error) {
      this.#hungry = true;
      this.#options.onDoubt();
      telemetry.emit("service:error", { service: `producer ${queue}`, error });
      await sleep(retryDelay(5), undefined, { signal: this.#stopping.signal }).catch(() => {});
    }
    this.#claiming = undefined;
    if (!this.#stopping.signal.aborted) this.advance();
  }

  async #claim(demand: number): Promise<void> {
    const { engine, holds, queue, limit, capacity } = this.#options;
    const opening = holds.open();
    const start = performance.now();
    this.#expected = this.#waiting.length > 0 ? 0 : Math.max(0, Math.min(demand, limit - this.running, capacity.free));
    try {
      const jobs = await engine.claim(queue, demand, this.#expected);
      this.#roundTrip = blend(this.#roundTrip, performance.now() - start);
      this.#hold(jobs);
      if (jobs.length === demand) this.#hungry = true;
    } finally {
      holds.settle(opening);
      this.#expected = 0;
    }
  }

  #release(): void {
    for (const { job } of this.#waiting.splice(0)) this.#options.executor.release(job);
  }

  #hold(jobs: readonly ClaimedJob[]): void {
    const since = performance.now();
    for (const job of jobs) {
      this.#options.holds.take(job);
      this.#waiting.push({ job, since });
    }
  }

  async #run(jobs: readonly ClaimedJob[]): Promise<void> {
    this.#running += 1;
    const start = performance.now();
    await this.#options.executor.run(jobs);
    this.#jobTime = blend(this.#jobTime, (performance.now() - start) / jobs.length);
    this.#running -= 1;
    this.#options.onFree();
  }
}

/** What was only held begins later than it was claimed: by the database's clock, and our watch since then. */
function begun({ job, since }: Held): ClaimedJob {
  return job.begun ? job : { ...job, attemptedAt: job.attemptedAt + performance.now() - since };
}
