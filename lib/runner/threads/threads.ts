import type { ClaimedJob } from "../../job/job.js";
import type { Outcome } from "../../job/outcome.js";
import type { Run } from "./run.js";
import { Thread, type ThreadOptions } from "./thread.js";

export type { Run } from "./run.js";

export interface ThreadsOptions extends ThreadOptions {
  /** Number of threads. */
  readonly size: number;
}

/** Jobs of one module that wait for a thread. */
interface Waiting {
  readonly jobs: readonly ClaimedJob[];
  readonly url: string;
  /** Called when a thread gets the jobs. */
  readonly started: (() => void) | undefined;
  /** Takes one run per job, in their order. */
  readonly settle: (runs: Run[]) => void;
}

/**
 * The threads of a host, and the jobs that wait for one, first come, first served.
 *
 * Each thread has one job, or one batch of jobs, at a time. A killed thread counts as busy until it
 * has really ended, which native code can delay for a long time.
 */
export class Threads {
  readonly #threads: readonly Thread[];
  readonly #waiting = new Set<Waiting>();
  /**
   * Jobs whose thread has ended under them, perhaps because of another job. Each runs a
   * second time, alone in a fresh thread. They take precedence over `#waiting`.
   */
  readonly #again = new Set<Waiting>();
  readonly #onFree: (() => void)[] = [];
  #starting: Promise<void> | null = null;
  /** Settles the `start` under way; null before and after. */
  #started: { resolve(): void; reject(error: unknown): void } | null = null;
  #stopping: Promise<void> | null = null;

  constructor({ size, ...options }: ThreadsOptions) {
    const events = { free: () => this.#freed(), failed: (error: unknown) => this.#started?.reject(error) };
    this.#threads = Array.from({ length: size }, () => new Thread(options, events));
  }

  /** Number of threads, busy or free. */
  get size(): number {
    return this.#threads.length;
  }

  /** Number of threads that can accept a job now. */
  get free(): number {
    return this.#threads.reduce((free, thread) => (thread.free ? free + 1 : free), 0);
  }

  /** Number of killed threads in which native code still runs. They count as busy. */
  get ending(): number {
    return this.#threads.filter((thread) => thread.ending).length;
  }

  /** Number of jobs, or batches, that wait for a thread. */
  get waiting(): number {
    return this.#waiting.size + this.#again.size;
  }

  /** Starts all threads. Resolves when they are up; rejects if one cannot start. Idempotent. */
  start(): Promise<void> {
    this.#starting ??= this.#start();
    return this.#starting;
  }

  /**
   * Ends every thread and releases the jobs that run or wait. Resolves when all
   * threads have ended. Idempotent.
   */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  /** Lets the process exit although threads have not ended. */
  unref(): void {
    for (const thread of this.#threads) thread.unref();
  }

  /** Whether a job is under way, rather than before or after its turn in a batch. */
  isRunning(jobId: number): boolean {
    return this.#threadOf(jobId)?.isRunning(jobId) ?? false;
  }

  /** Runs a job as soon as a thread is free, like {@link runBatch}. */
  async run(job: ClaimedJob, url: string, started?: () => void): Promise<Run> {
    const [run] = await this.runBatch([job], url, started);
    return run as Run;
  }

  /**
   * Runs jobs of one module, one after the other, as soon as a thread is free. Calls `started` when
   * the thread gets them. Resolves to one run per job, in their order. Never rejects: anything that
   * a job does, even ending its thread, is an outcome.
   */
  runBatch(jobs: readonly ClaimedJob[], url: string, started?: () => void): Promise<Run[]> {
    if (this.#stopping !== null) return Promise.resolve(jobs.map(released));
    return new Promise((settle) => {
      this.#waiting.add({ jobs, url, started, settle });
      this.#dispatch();
    });
  }

  /** Aborts the `context.signal` of a job in a thread, with this message. Ignores a waiting job. */
  abort(jobId: number, reason: string): void {
    this.#threadOf(jobId)?.abort(jobId, reason);
  }

  /**
   * Ends a job with `outcome` by ending its thread; a waiting job never starts. The other
   * jobs of its batch are released. A job that ends by itself at the same moment keeps its
   * own outcome. Resolves, as the job's `run` does, when the thread has really ended.
   */
  async kill(jobId: number, outcome: Outcome): Promise<void> {
    for (const waiting of [...this.#again, ...this.#waiting]) {
      if (!waiting.jobs.some(({ id }) => id === jobId)) continue;
      this.#drop(waiting);
      waiting.settle(waiting.jobs.map((job) => (job.id === jobId ? { ...released(job), outcome } : released(job))));
    }
    await this.#threadOf(jobId)?.kill(jobId, outcome);
  }

  /** Adds a callback that is called whenever a thread is free and no job waits for it. */
  onFree(callback: () => void): void {
    this.#onFree.push(callback);
  }

  async #start(): Promise<void> {
    if (this.#stopping !== null) return;
    const started = new Promise<void>((resolve, reject) => {
      this.#started = { resolve, reject };
    });
    for (const thread of this.#threads) thread.start();
    try {
      await started;
    } catch (error) {
      await this.stop();
      throw error;
    } finally {
      this.#started = null;
    }
  }

  async #stop(): Promise<void> {
    for (const waiting of [...this.#again, ...this.#waiting]) {
      this.#drop(waiting);
      waiting.settle(waiting.jobs.map(released));
    }
    await Promise.all(this.#threads.map((thread) => thread.stop()));
    this.#started?.resolve();
  }

  #freed(): void {
    this.#dispatch();
    if (this.#started !== null && this.#threads.every((thread) => thread.free || thread.busy)) {
      this.#started.resolve();
    }
    if (this.free > 0) for (const callback of this.#onFree) callback();
  }

  #dispatch(): void {
    for (const waiting of this.#again) {
      const thread = this.#threads.find((thread) => thread.free && thread.fresh);
      if (thread === undefined) break;
      this.#begin(waiting, thread);
    }
    this.#freshen();
    for (const waiting of this.#waiting) {
      const thread = this.#threads.find((thread) => thread.free);
      if (thread === undefined) return;
      this.#begin(waiting, thread);
    }
  }

  /** Replaces free threads until each job in `#again` has a fresh one to come. */
  #freshen(): void {
    let missing = this.#again.size;
    for (const { starting } of this.#threads) if (starting) missing -= 1;
    for (const thread of this.#threads) {
      if (missing < 1) return;
      if (!thread.free) continue;
      thread.recycle();
      missing -= 1;
    }
  }

  #begin(waiting: Waiting, thread: Thread): void {
    this.#drop(waiting);
    void this.#run(waiting, thread);
    waiting.started?.();
  }

  async #run({ jobs, url, settle }: Waiting, thread: Thread): Promise<void> {
    const runs = await thread.run(jobs, url);
    const done = jobs.map((job, at): Run | null => {
      const run = runs[at] ?? null;
      return run === null ? null : { job, outcome: run.outcome, duration: run.duration, threadId: run.threadId };
    });
    if (!done.includes(null)) return settle(done as Run[]);
    settle(await Promise.all(done.map(async (run, at) => run ?? this.#runAgain(jobs[at] as ClaimedJob, url))));
  }

  #runAgain(job: ClaimedJob, url: string): Promise<Run> {
    if (this.#stopping !== null) return Promise.resolve(released(job));
    return new Promise((resolve) => {
      this.#again.add({ jobs: [job], url, started: undefined, settle: ([run]) => resolve(run as Run) });
      this.#dispatch();
    });
  }

  #drop(waiting: Waiting): void {
    this.#again.delete(waiting);
    this.#waiting.delete(waiting);
  }

  #threadOf(jobId: number): Thread | undefined {
    return this.#threads.find((thread) => thread.has(jobId));
  }
}

function released(job: ClaimedJob): Run {
  return { job, outcome: { type: "released" }, duration: 0, threadId: -1 };
}
