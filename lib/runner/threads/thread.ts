import { isError } from "../../codec/error-classes.js";
import { failure } from "../../codec/failure.js";
import { showThrown } from "../../codec/show.js";
import { ThreadCrashError } from "../../errors.js";
import type { ClaimedJob } from "../../job/job.js";
import type { Outcome } from "../../job/outcome.js";
import type { ExitCaller } from "../../thread/board.js";
import { readRun, type RunMessage, tasksMessage } from "../../thread/message.js";
import type { Run } from "../../thread/perform.js";
import { fatesOf } from "./blame.js";
import { type Exit, type Live, Spawner, type SpawnerOptions } from "./spawner.js";
import { Wear, type WearLimits } from "./wear.js";

export interface ThreadOptions extends WearLimits, SpawnerOptions {
  /** Bytes of a result after compression, for workers without a limit of their own. */
  readonly resultLimit: number;
}

export interface ThreadEvents {
  /** The thread can accept jobs: it has started or was replaced, or its jobs have ended. */
  free(): void;
  /** The thread could not start. Another try follows. */
  failed(error: unknown): void;
}

/** Why Baton ends a thread. */
interface KillOrder {
  /** The job that is to get `outcome`; null if the order is for none. All others are released. */
  readonly jobId: number | null;
  readonly outcome: Outcome;
}

/** The end of the thread under its jobs. */
interface Loss extends Exit {
  /** Whether no job had run in the thread before them. */
  readonly fresh: boolean;
  /** ms since the thread got the jobs. */
  readonly duration: number;
}

const RELEASED: Outcome = { type: "released" };

/** One thread that runs jobs, and its replacement after each crash, kill or retirement. */
export class Thread {
  readonly #options: ThreadOptions;
  readonly #events: ThreadEvents;
  readonly #spawner: Spawner;
  readonly #wear: Wear;
  /** The jobs of the message under way. Empty while the thread is idle. */
  #jobs: readonly ClaimedJob[] = [];
  /** Resolves the wait of the `run` under way. */
  #answer: (answer: readonly RunMessage[] | Exit) => void = () => {};
  /** Set from the order to end the thread until its replacement is up. The first order wins. */
  #killOrder: KillOrder | null = null;

  constructor(options: ThreadOptions, events: ThreadEvents) {
    this.#options = options;
    this.#events = events;
    this.#wear = new Wear(options, () => this.recycle());
    this.#spawner = new Spawner(options, {
      up: () => this.#up(),
      answered: (answer) => this.#answer(answer),
      // If a job is in the thread, the crash becomes its outcome.
      crashed: (error) => {
        if (!this.busy) this.#report(error);
      },
      down: () => this.#wear.stop(),
      failed: (error) => events.failed(error),
    });
  }

  /** Whether it can accept jobs now. */
  get free(): boolean {
    return this.#spawner.live !== null && !this.busy && this.#killOrder === null;
  }

  /** Whether it was killed but native code still runs in it. */
  get ending(): boolean {
    return this.#spawner.alive && this.#killOrder !== null;
  }

  /** Whether no job has run in it since it came up. */
  get fresh(): boolean {
    return this.#wear.fresh;
  }

  /** Whether it starts, or ends to be replaced. */
  get starting(): boolean {
    return !this.busy && !this.free && !this.#spawner.stopping;
  }

  /** Whether it holds jobs without an outcome. */
  get busy(): boolean {
    return this.#jobs.length > 0;
  }

  /** Whether a job is in it: under way, or before or after its turn in a batch. */
  has(jobId: number): boolean {
    return this.#jobs.some(({ id }) => id === jobId);
  }

  /** Whether a job is under way, rather than before or after its turn in a batch. */
  isRunning(jobId: number): boolean {
    return this.#jobs[(this.#spawner.live?.board.begun ?? 0) - 1]?.id === jobId;
  }

  /** Starts the thread. The event `free` or `failed` follows. */
  start(): void {
    this.#spawner.start();
  }

  /**
   * Runs jobs of one module, one after the other. The thread must be `free`.
   *
   * Resolves to one run per job, or null for a job that must run again, alone in a fresh thread
   * (see {@link fatesOf}). Never rejects: a job that ends its thread fails. If the thread ends, for
   * any reason, the promise resolves when it has really ended.
   */
  async run(jobs: readonly ClaimedJob[], url: string): Promise<(Run | null)[]> {
    const [{ live }, start] = [this.#spawner, performance.now()];
    if (live === null) throw new Error("The thread is not free: it got a job before it was up");
    this.#jobs = jobs;
    const { fresh } = this;
    this.#wear.use(jobs.length);
    live.board.reset();
    const answered = new Promise<readonly RunMessage[] | Exit>((resolve) => {
      this.#answer = resolve;
    });
    live.jobs.postMessage(tasksMessage(jobs, url, this.#options.resultLimit));
    // The process must not exit while a job runs.
    live.worker.ref();
    const answer = await answered;
    live.worker.unref();
    const runs =
      "cause" in answer
        ? this.#lost(live, { cause: answer.cause, fresh, duration: performance.now() - start })
        : answer.map(readRun);
    this.#jobs = [];
    if (this.#wear.wornOut || live.board.spoiled) this.recycle();
    if (this.free) this.#events.free();
    return runs;
  }

  /** Replaces the thread if it is free. */
  recycle(): void {
    if (!this.free) return;
    this.#killOrder = { jobId: null, outcome: RELEASED };
    void this.#spawner.terminate();
  }

  /** Aborts the `context.signal` of a job in the thread. */
  abort(jobId: number, reason: string): void {
    const job = this.#jobs.find(({ id }) => id === jobId);
    if (job === undefined) return;
    this.#spawner.live?.far.abort(jobId, job.claim, reason).catch((error: unknown) => this.#report(error));
  }

  /**
   * Ends the thread under a job. The job gets `outcome`, unless it ends by itself at the
   * same moment. Resolves when the thread has ended.
   */
  async kill(jobId: number, outcome: Outcome): Promise<void> {
    this.#killOrder ??= { jobId, outcome };
    await this.#spawner.terminate();
  }

  /** Ends the thread for good, releasing its jobs. Resolves when it has ended. */
  stop(): Promise<void> {
    this.#killOrder ??= { jobId: null, outcome: RELEASED };
    this.#wear.stop();
    return this.#spawner.stop();
  }

  /** Lets the process exit although the thread has not ended. */
  unref(): void {
    this.#spawner.unref();
  }

  #up(): void {
    this.#killOrder = null;
    this.#wear.renew();
    if (this.free) this.#events.free();
  }

  /** The runs of jobs whose thread has ended under them. */
  #lost({ board }: Live, { cause, fresh, duration }: Loss): (Run | null)[] {
    const { begun, exitCaller } = board;
    const ran = (outcome: Outcome): Run => ({ outcome, duration, threadId: -1 });
    const order = this.#killOrder;
    if (order !== null) {
      const { outcome } = order;
      // A stop interrupts the job under way, whichever job of the batch the order names.
      const target = outcome.type === "interrupted" ? this.#jobs[begun - 1]?.id : order.jobId;
      return this.#jobs.map(({ id }) => ran(id === target ? outcome : RELEASED));
    }
    const fates = fatesOf({ ids: this.#jobs.map(({ id }) => id), begun, exitCaller, fresh });
    if (fates.includes("rerun")) this.#reportStray(exitCaller, cause);
    return this.#jobs.map((job, at) => {
      if (fates[at] === "rerun") return null;
      return ran(fates[at] === "guilty" ? this.#crash(job, cause) : RELEASED);
    });
  }

  /** Reports an end of the thread that an earlier job may have caused. */
  #reportStray(exitCaller: ExitCaller, cause: unknown): void {
    const message = `A thread ended (${showThrown(cause)}), perhaps because of what an earlier job left running: its jobs run again`;
    const id = typeof exitCaller === "number" ? exitCaller : null;
    this.#options.telemetry.emit("job:stray", { id, worker: null, error: new ThreadCrashError(message, { cause }) });
  }

  #crash(job: ClaimedJob, cause: unknown): Outcome {
    const memory = isError(cause) && "code" in cause && cause.code === "ERR_WORKER_OUT_OF_MEMORY";
    const problem = memory
      ? "ran out of memory in its thread: reduce what it holds at a time, or raise --max-old-space-size"
      : `ended its thread (${showThrown(cause)}): it called process.exit, or crashed outside of JavaScript`;
    const error = new ThreadCrashError(`Job ${job.id} of worker ${JSON.stringify(job.worker)} ${problem}`, { cause });
    return failure(error, this.#options.resultLimit);
  }

  #report(error: unknown): void {
    this.#options.telemetry.emit("service:error", { service: "threads", error });
  }
}
