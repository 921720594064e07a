import { setTimeout as sleep } from "node:timers/promises";
import type { ClaimedJob } from "../job/job.js";
import type { Engine } from "../engine/engine.js";
import { retryDelay } from "../backoff.js";
import type { Telemetry } from "../telemetry.js";
import { Backlog } from "./backlog.js";
import type { Executor } from "./executor.js";
import type { Holds } from "./holds.js";
import { Rates } from "./rates.js";
import type { Call, Turns } from "./turns.js";

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
  readonly turns: Turns;
  /** How many jobs of a worker may go to a thread at once. */
  readonly batchOf: (worker: string) => number;
  /** Called when a thread has come free, so that every queue gets its turn. */
  readonly onFree: () => void;
  /** Called when a statement that may have claimed jobs failed: the table may say more than this host knows. */
  readonly onDoubt: () => void;
  readonly telemetry: Telemetry;
}

/** Whether a producer has a reason to claim: none, one for when a thread comes free, or one for now. */
type Hunger = "none" | "later" | "now";

/**
 * Fetches one queue's jobs as threads and limit allow, and hands them to the executor. It claims when it has room and a
 * reason to think that there are jobs: a notification, an insert of its own, a claim that brought all it asked for, or the
 * lifeline's look, which finds what a notification should have told.
 */
export class Producer {
  readonly #options: ProducerOptions;
  readonly #backlog: Backlog;
  readonly #rates = new Rates();
  readonly #stopping = new AbortController();
  #running = 0;
  #reserved = 0;
  /** Jobs that the claim under way begins: their threads are promised. */
  #expected = 0;
  #hunger: Hunger = "now";
  #claiming: Promise<void> | undefined;
  #started = false;

  constructor(options: ProducerOptions) {
    this.#options = options;
    this.#backlog = new Backlog({ patience: () => this.#rates.patience, onOverdue: (jobs) => this.#giveBack(jobs) });
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
    return this.#backlog.size;
  }

  start(): void {
    this.#started = true;
    this.wake();
  }

  /** Claims no more, and gives back what it holds; that is written with the last outcomes. Running jobs go on. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#giveBack(this.#backlog.clear());
    await this.#claiming;
    this.#giveBack(this.#backlog.clear());
  }

  /** This host is about to be off the list: others need not wait for it. */
  leave(): void {
    this.#options.turns.leave();
  }

  /** There may be jobs. */
  wake(): void {
    this.#hunger = "now";
    if (this.#started) this.advance();
  }

  /** A notification says that there are jobs, for this host or for others to claim. */
  answer(call: Call): void {
    const { paused, turns } = this.#options;
    if (!this.#started || !turns.take(call)) return;
    if (paused || this.#stopping.signal.aborted) turns.decline();
    else this.wake();
  }

  /** A look at the table found jobs. */
  found(): void {
    this.#options.turns.found(this.running === 0);
    this.wake();
  }

  /** Starts and claims what there is room for. */
  advance(): void {
    if (this.#stopping.signal.aborted) return;
    const { paused, turns } = this.#options;
    while (this.#backlog.size > 0 && this.#room > 0)
      void this.#run(this.#backlog.next(this.#options.batchOf, this.#room));
    // A claim under way may have missed the jobs of a call: that is answered, or passed on, after it.
    if (this.#hunger === "later" && this.#room > 0) this.#hunger = "now";
    if (this.#claiming !== undefined || this.#hunger !== "now" || paused) return;
    if (this.#room === 0 && !this.#soon && turns.decline()) this.#hunger = "later";
    if (this.#hunger !== "now") return;
    const demand = this.#demand();
    if (demand > 0) this.#claiming = this.#fetch(demand);
  }

  /**
   * Promises a thread to a job that is about to be inserted by this process, if that passes nobody by: there is a free
   * thread, and no job of this queue is known to wait. Kept by {@link runReserved} or {@link unreserve}.
   */
  reserve(): boolean {
    const idle = this.#hunger === "none" && this.#claiming === undefined && this.#backlog.size === 0;
    if (this.#options.paused || !idle || this.#stopping.signal.aborted || this.#room < 1) return false;
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
    this.#options.onDoubt();
    this.#options.onFree();
    this.wake();
  }

  /** Forgets what it holds: others have it now. */
  forget(): void {
    for (const job of this.#backlog.clear()) this.#options.holds.drop(job);
  }

  /** How many more jobs could begin now. */
  get #room(): number {
    const { limit, capacity } = this.#options;
    return capacity.closed ? 0 : Math.max(0, Math.min(limit - this.running, capacity.free));
  }

  get #soon(): boolean {
    const { limit, capacity } = this.#options;
    return this.#backlog.allowance > 0 && this.#rates.soon(this.#backlog.size, Math.min(limit, capacity.size));
  }

  #demand(): number {
    const { limit, capacity } = this.#options;
    if (capacity.closed) return 0;
    const threads = Math.min(limit, capacity.size);
    const ahead = Math.min(this.#rates.ahead(threads), this.#backlog.allowance * threads);
    // Small claims cost as much as large ones: it fetches when half is gone, not one for each job that ends.
    return this.#backlog.size > ahead / 2 ? 0 : this.#room + ahead - this.#backlog.size;
  }

  async #fetch(demand: number): Promise<void> {
    const { queue, telemetry } = this.#options;
    this.#hunger = "none";
    try {
      await this.#claim(demand);
    } catch (error) {
      this.#hunger = "now";
      this.#options.onDoubt();
      telemetry.emit("service:error", { service: `producer ${queue}`, error });
      await sleep(retryDelay(5), undefined, { signal: this.#stopping.signal }).catch(() => {});
    }
    this.#claiming = undefined;
    // Threads that were promised to this claim and got no job are free for other queues too.
    if (!this.#stopping.signal.aborted) this.#options.onFree();
  }

  async #claim(demand: number): Promise<void> {
    const { engine, holds, queue, turns } = this.#options;
    const opening = holds.open();
    const [start, call] = [performance.now(), turns.answer()];
    this.#expected = this.#backlog.size > 0 ? 0 : Math.min(demand, this.#room);
    try {
      const claim = await engine.take(queue, demand, this.#expected);
      this.#rates.claimed(performance.now() - start);
      for (const job of claim.jobs) holds.take(job);
      this.#backlog.add(claim.jobs);
      turns.claimed(claim, start);
      if (claim.more) {
        this.#hunger = "now";
        turns.share(call);
      }
    } finally {
      holds.settle(opening);
      this.#expected = 0;
    }
  }

  /** Others may be free to run them. The rows keep their place and lose no attempt. */
  #giveBack(jobs: readonly ClaimedJob[]): void {
    for (const job of jobs) this.#options.executor.release(job);
  }

  async #run(jobs: readonly ClaimedJob[]): Promise<void> {
    const { batchOf, executor, turns, onFree } = this.#options;
    const [start, [first]] = [performance.now(), jobs as readonly [ClaimedJob]];
    this.#running += 1;
    turns.busy();
    await executor.run(jobs);
    turns.busy();
    this.#rates.ran(performance.now() - start, jobs.length, batchOf(first.worker));
    this.#running -= 1;
    this.#backlog.freed();
    if (this.#hunger === "later") this.#hunger = "now";
    onFree();
  }
}
