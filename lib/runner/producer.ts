import { setTimeout as sleep } from "node:timers/promises";
import type { Engine } from "../engine/engine.js";
import type { ClaimedJob } from "../job/job.js";
import { retryDelay } from "../backoff.js";
import type { Telemetry } from "../telemetry.js";
import { Backlog } from "./backlog.js";
import type { Call } from "./call.js";
import type { Capacity } from "./capacity.js";
import { demandFor } from "./demand.js";
import type { Executor } from "./executor.js";
import type { Holds } from "./holds.js";
import { Rates } from "./rates.js";
import { Seat, type SeatOwner } from "./seat.js";
import type { Turns } from "./turns.js";

export interface ProducerOptions {
  readonly queue: string;
  /** How many threads may run its jobs at a time. The jobs of a batch share one thread. */
  readonly limit: number;
  /** Whether to claim nothing. */
  readonly paused: boolean;
  readonly engine: Engine;
  readonly executor: Executor;
  readonly holds: Holds;
  readonly capacity: Capacity;
  readonly turns: Turns;
  /** How many jobs of a worker may go to a thread at once. */
  readonly batchOf: (worker: string) => number;
  /** Called when a thread has come free, so that every queue gets its turn. */
  readonly onCapacity: () => void;
  /** Called when a statement that may claim has failed: it may have claimed jobs all the same. */
  readonly onClaimInDoubt: () => void;
  readonly telemetry: Telemetry;
}

/**
 * Whether the producer has a reason to claim. It is always in one of these modes:
 *
 * - `sated`: as far as this host knows, no job waits in the table.
 * - `hungry`: jobs may wait. It claims once it has demand and no claim is under way, unless it is
 *   paused or stops.
 * - `full`: jobs may wait, but no thread is free, and other hosts have been called, now or a moment
 *   ago. A thread that comes free makes the producer hungry.
 *
 * Sending a claim makes it sated. Every wake-up makes it hungry, even during a claim, which
 * may have missed the new jobs.
 */
type Mode = "sated" | "hungry" | "full";

/**
 * Claims the jobs of one queue, as far as threads and limit allow, and hands them to the executor.
 * A notification, an insert of this process, a claim that brought all it asked for, or the
 * lifeline's look gives it a reason to claim.
 */
export class Producer {
  readonly #options: ProducerOptions;
  readonly #backlog: Backlog;
  readonly #rates = new Rates();
  readonly #seatOwner: SeatOwner;
  readonly #stopping = new AbortController();
  #mode: Mode = "hungry";
  /** The claim under way, with the pause after a failed one. There is never more than one. */
  #claiming: Promise<void> | undefined;
  /** Threads that run jobs of this queue. */
  #busy = 0;
  /** Threads promised to jobs about to be inserted. */
  #seats = 0;
  /** Threads promised to jobs that the claim under way begins; 0 while there is none. */
  #expected = 0;
  #started = false;

  constructor(options: ProducerOptions) {
    this.#options = options;
    this.#backlog = new Backlog({ patience: () => this.#rates.patience, onOverdue: (jobs) => this.#release(jobs) });
    this.#seatOwner = {
      holds: options.holds,
      onRun: (job) => {
        this.#seats -= 1;
        void this.#execute([job]);
      },
      onRelease: () => {
        this.#seats -= 1;
        options.onClaimInDoubt();
        options.onCapacity();
        this.wake();
      },
    };
  }

  get queue(): string {
    return this.#options.queue;
  }

  /** Threads that run its jobs or are promised to them. Never exceeds `limit`. */
  get running(): number {
    return this.#busy + this.#seats + this.#expected;
  }

  /** Claimed jobs that wait for a thread. */
  get waiting(): number {
    return this.#backlog.size;
  }

  start(): void {
    this.#started = true;
    this.wake();
  }

  /** Stops claiming and releases the backlog. Resolves when no claim is under way; jobs run on. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#release(this.#backlog.clear());
    await this.#claiming;
    this.#release(this.#backlog.clear());
  }

  /** Announces to the other hosts that this one leaves, so that they skip it. */
  leave(): void {
    this.#options.turns.leave();
  }

  /** Claims as soon as possible: there may be jobs in the table. */
  wake(): void {
    this.#mode = "hungry";
    if (this.#started) this.advance();
  }

  /** Handles a notification of new jobs, for this host or for others to claim. */
  onCall(call: Call): void {
    const { paused, turns } = this.#options;
    if (!this.#started || !turns.hear(call)) return;
    if (paused || this.#stopping.signal.aborted) turns.decline();
    else this.wake();
  }

  /** Handles jobs that a look has found in the table. */
  onJobsFound(): void {
    const { turns } = this.#options;
    if (this.running === 0) turns.foundWhileIdle();
    else turns.foundWhileBusy();
    this.wake();
  }

  /** Starts and claims as many jobs as there is room for. Safe to call at any time. */
  advance(): void {
    if (this.#stopping.signal.aborted) return;
    const { batchOf, paused, turns } = this.#options;
    while (this.#backlog.size > 0 && this.#room > 0) void this.#execute(this.#backlog.next(batchOf, this.#room));
    if (this.#mode === "full" && this.#room > 0) this.#mode = "hungry";
    // A call that arrives during a claim is taken up, or passed on, when the claim has ended.
    if (this.#claiming !== undefined || this.#mode !== "hungry" || paused) return;
    if (this.#room === 0 && !this.#startsSoon && turns.decline()) {
      this.#mode = "full";
      return;
    }
    const demand = this.#demand;
    if (demand > 0) this.#claiming = this.#claim(demand);
  }

  /**
   * Promises a thread to a job that this process is about to insert. Null if no thread is free, if
   * the producer may not start jobs now, or if the job would overtake others of this queue, which
   * wait here or perhaps in the table.
   */
  seat(): Seat | null {
    const overtakes = this.#mode !== "sated" || this.#claiming !== undefined || this.#backlog.size > 0;
    if (this.#options.paused || overtakes || this.#stopping.signal.aborted || this.#room < 1) return null;
    this.#seats += 1;
    return new Seat(this.#seatOwner);
  }

  /** Forgets the backlog: other hosts have these jobs now. */
  forget(): void {
    for (const job of this.#backlog.clear()) this.#options.holds.remove(job);
  }

  /** How many more threads its jobs may have now. */
  get #room(): number {
    const { limit, capacity } = this.#options;
    return capacity.closed ? 0 : Math.max(0, Math.min(limit - this.running, capacity.free));
  }

  /** How many threads its jobs may have in all. */
  get #threads(): number {
    return Math.min(this.#options.limit, this.#options.capacity.size);
  }

  /** Whether one more job starts sooner here than on a host that has to be called. */
  get #startsSoon(): boolean {
    return this.#backlog.allowance > 0 && this.#rates.startsSoon(this.#backlog.size, this.#threads);
  }

  /** How many jobs to claim now. */
  get #demand(): number {
    if (this.#options.capacity.closed) return 0;
    const threads = this.#threads;
    const ahead = Math.min(this.#rates.ahead(threads), this.#backlog.allowance * threads);
    return demandFor(this.#room, ahead, this.#backlog.size);
  }

  async #claim(demand: number): Promise<void> {
    const { onCapacity, onClaimInDoubt, queue, telemetry } = this.#options;
    this.#mode = "sated";
    try {
      await this.#tryClaim(demand);
    } catch (error) {
      this.#mode = "hungry";
      onClaimInDoubt();
      telemetry.emit("service:error", { service: `producer ${queue}`, error });
      await sleep(retryDelay(5), undefined, { signal: this.#stopping.signal }).catch(() => {});
    }
    this.#claiming = undefined;
    // Threads that were promised to this claim, and got no job, are free for every queue.
    if (!this.#stopping.signal.aborted) onCapacity();
  }

  async #tryClaim(demand: number): Promise<void> {
    const { engine, holds, queue, turns } = this.#options;
    const statement = Symbol("claim");
    const [sentAt, call] = [performance.now(), turns.takeCall()];
    holds.sent(statement);
    // Jobs that start at once are begun by the claim itself; the others are only held.
    this.#expected = this.#backlog.size > 0 ? 0 : Math.min(demand, this.#room);
    try {
      const claim = await engine.claim(queue, demand, this.#expected);
      this.#rates.claimed(performance.now() - sentAt);
      for (const job of claim.jobs) holds.add(job);
      this.#backlog.add(claim.jobs);
      turns.claimed(claim, sentAt);
      if (claim.more) {
        this.#mode = "hungry";
        turns.share(call);
      }
    } finally {
      holds.settled(statement);
      this.#expected = 0;
    }
  }

  /** Releases jobs, because other hosts may be free. They keep their place and attempts. */
  #release(jobs: readonly ClaimedJob[]): void {
    for (const job of jobs) this.#options.executor.release(job);
  }

  async #execute(jobs: readonly ClaimedJob[]): Promise<void> {
    const { batchOf, executor, turns, onCapacity } = this.#options;
    const [start, [first]] = [performance.now(), jobs as readonly [ClaimedJob]];
    this.#busy += 1;
    turns.active();
    await executor.execute(jobs);
    turns.active();
    this.#rates.ran(performance.now() - start, jobs.length, batchOf(first.worker));
    this.#busy -= 1;
    this.#backlog.threadFreed();
    if (this.#mode === "full") this.#mode = "hungry";
    onCapacity();
  }
}
