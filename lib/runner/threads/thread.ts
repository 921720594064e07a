import { receiveMessageOnPort, type ResourceLimits, type Worker } from "node:worker_threads";
import { Piscina } from "piscina";
import { unpack } from "../../codec/codec.js";
import { isError } from "../../codec/exception.js";
import { failure } from "../../codec/failure.js";
import { showThrown } from "../../codec/show.js";
import { entry } from "../../entry.js";
import { ThreadCrashError } from "../../errors.js";
import type { ClaimedJob } from "../../job/job.js";
import type { Outcome } from "../../job/outcome.js";
import type { Telemetry } from "../../telemetry.js";
import { Board, type Leaver } from "../../thread/board.js";
import { THREAD_DATA } from "../../thread/inside.js";
import { connect, type Far, type Hello, type HostSide, isHello, LINK, type ThreadSide } from "../../thread/link.js";
import { readRun, type RunMessage, tasksMessage } from "../../thread/message.js";
import type { Run } from "../../thread/perform.js";
import { fatesOf } from "./blame.js";
import { Wear, type WearLimits } from "./wear.js";

/** ms until another try after a thread could not even start. */
const BOOT_RETRY = 1_000;

export interface ThreadOptions extends WearLimits {
  /** Bytes compressed. */
  readonly resultLimit: number;
  readonly telemetry: Telemetry;
  /** Memory limits, as of `worker_threads`. Default: Node's. They do not stop every shape of allocation. */
  readonly resourceLimits?: ResourceLimits | undefined;
}

/** What a thread tells whoever shares it out. */
export interface ThreadEvents {
  /** It can take a job: it has started, has ended one, or its replacement has started. */
  free(): void;
  /** It could not start. It tries again. */
  failed(error: unknown): void;
}

/** A worker that is up, with its lines. */
interface Live extends Hello {
  readonly worker: Worker;
  readonly far: Far<ThreadSide>;
  readonly board: Board;
  readonly exited: Promise<void>;
}

/** What a thread ended of. */
interface Ended {
  readonly cause: unknown;
}

/** Why a thread is to end: what a job in it comes to thereby, if it is for one. The others are given back. */
interface Verdict {
  readonly jobId: number | null;
  readonly outcome: Outcome;
}

const RELEASED: Outcome = { type: "released" };

/**
 * One thread, and after a crash or a kill its replacement: a Piscina of one, for the choice of the thread is ours. Piscina
 * starts it, replaces it and ends it; jobs go to it directly, which saves each 80 µs of Piscina's own queueing.
 */
export class Thread {
  readonly #options: ThreadOptions;
  readonly #events: ThreadEvents;
  #pool: Piscina | null = null;
  #hello: Hello | null = null;
  #created = false;
  #live: Live | null = null;
  /** The worker that is up or ends; null once it has exited, which may be long after `#live` is. */
  #worker: Worker | null = null;
  #jobs: readonly ClaimedJob[] = [];
  /** Takes what the jobs in it came to. */
  #answer: (runs: readonly RunMessage[] | Ended) => void = () => {};
  /** Set once the thread is to end. */
  #verdict: Verdict | null = null;
  readonly #wear: Wear;
  #exited: Promise<void> = Promise.resolve();
  #bootError: unknown = null;
  #retry: NodeJS.Timeout | undefined;
  #stopping: Promise<void> | null = null;

  constructor(options: ThreadOptions, events: ThreadEvents) {
    this.#options = options;
    this.#events = events;
    this.#wear = new Wear(options, () => this.recycle());
  }

  /** Whether it can take a job now. */
  get free(): boolean {
    return this.#live !== null && !this.busy && this.#verdict === null;
  }

  /** Whether it was told to end and has not: native code runs on. */
  get ending(): boolean {
    return this.#worker !== null && this.#verdict !== null;
  }

  /** Whether it has run no job yet, or its replacement has not. */
  get fresh(): boolean {
    return this.#wear.fresh;
  }

  /** Whether it starts, or ends to start anew. */
  get starting(): boolean {
    return !this.busy && !this.free && this.#stopping === null;
  }

  /** Whether jobs are in it whose outcomes are not out. */
  get busy(): boolean {
    return this.#jobs.length > 0;
  }

  /** Whether a job is in it. */
  has(jobId: number): boolean {
    return this.#jobs.some(({ id }) => id === jobId);
  }

  /** Whether it is at a job now, rather than at another of its batch. */
  runs(jobId: number): boolean {
    return this.#jobs[(this.#live?.board.begun ?? 0) - 1]?.id === jobId;
  }

  /** Starts the thread; `free` or `failed` tells what came of it. */
  start(): void {
    const { resourceLimits } = this.#options;
    const pool = new Piscina({
      filename: entry("workers/thread.js"),
      name: "run",
      minThreads: 1,
      maxThreads: 1,
      // By default an idle thread sits in Atomics.wait, where no link reaches it and no timer of its own fires.
      atomics: "disabled",
      recordTiming: false,
      workerData: THREAD_DATA,
      ...(resourceLimits && { resourceLimits }),
    });
    this.#pool = pool;
    // A first thread counts as created before it runs, a replacement after it has said hello.
    pool.on("workerCreate", () => {
      this.#created = true;
      this.#up(pool);
    });
    pool.on("message", (message: unknown) => {
      // Jobs can post to the same port: their messages are nobody's.
      if (this.#hello !== null || !isHello(message)) return;
      this.#hello = message;
      this.#up(pool);
    });
    pool.on("workerDestroy", () => this.#down(pool));
    // Unheard, it would take the host down. With a job in the thread, it is that job's outcome.
    pool.on("error", (error: unknown) => {
      this.#bootError = error;
      if (!this.busy) this.#report(error);
    });
    this.#hold(pool);
  }

  /**
   * Runs jobs of one module, one after the other, in a thread that is `free`; resolves to a run for each, or null where a
   * job is to run again, alone in a fresh thread (see {@link fatesOf}). Never rejects: a job that ends its thread fails. Where
   * the thread ends, by whatever cause, the outcomes come when it has really ended.
   */
  async run(jobs: readonly ClaimedJob[], url: string): Promise<(Run | null)[]> {
    const [live, start] = [this.#live, performance.now()];
    if (live === null) throw new Error("A thread was given a job before it was free");
    this.#jobs = jobs;
    const { fresh } = this;
    this.#wear.use(jobs.length);
    live.board.reset();
    const answered = new Promise<readonly RunMessage[] | Ended>((resolve) => {
      this.#answer = resolve;
    });
    live.jobs.postMessage(tasksMessage(jobs, url, this.#options.resultLimit));
    // A process does not end while it runs a job.
    live.worker.ref();
    const answer = await answered;
    live.worker.unref();
    const runs =
      "cause" in answer ? this.#lost(live, fresh, answer.cause, performance.now() - start) : answer.map(readRun);
    this.#jobs = [];
    if (this.#wear.spent || live.board.spoiled) this.recycle();
    if (this.free) this.#events.free();
    return runs;
  }

  /** Has another thread take the place of this one, which runs no job. */
  recycle(): void {
    if (!this.free) return;
    this.#verdict = { jobId: null, outcome: RELEASED };
    void this.#live?.worker.terminate();
  }

  /** Asks a job in it to end early, by its signal. */
  abort(jobId: number, reason: string): void {
    const job = this.#jobs.find(({ id }) => id === jobId);
    if (job === undefined) return;
    this.#live?.far.abort(jobId, job.claim, reason).catch((error: unknown) => this.#report(error));
  }

  /** Ends the thread under a job, which comes to this outcome unless it ends by itself just now. Resolves when it has ended. */
  async kill(jobId: number, outcome: Outcome): Promise<void> {
    this.#verdict ??= { jobId, outcome };
    await this.#live?.worker.terminate();
    await this.#exited;
  }

  /** Ends the thread for good and resolves when it has ended. A job in it is released. */
  stop(): Promise<void> {
    this.#verdict ??= { jobId: null, outcome: RELEASED };
    clearTimeout(this.#retry);
    this.#wear.stop();
    this.#stopping ??= this.#pool?.destroy() ?? Promise.resolve();
    return this.#stopping;
  }

  /** Keeps the process alive no longer, though the thread was told to end and has not. */
  disown(): void {
    this.#worker?.unref();
  }

  #up(pool: Piscina): void {
    const [worker] = pool.threads;
    if (this.#hello === null || !this.#created || worker === undefined) return;
    const hello = this.#hello;
    this.#worker = worker;
    const far = connect<ThreadSide>(hello[LINK], { stray: (report) => this.#stray(report) } satisfies HostSide);
    let reason: unknown;
    worker.once("error", (error: unknown) => {
      reason = error;
    });
    const exited = new Promise<void>((resolve) => {
      worker.once("exit", (code) => {
        if (this.#worker === worker) this.#worker = null;
        resolve();
        this.#ended(hello, reason ?? new Error(`it exited with code ${code}`));
      });
    });
    hello.jobs.on("message", (messages: readonly RunMessage[]) => this.#answer(messages));
    hello.jobs.unref();
    const ready = (): void => {
      if (this.#hello !== hello || this.#stopping !== null) return;
      worker.unref();
      this.#live = { ...hello, worker, far, board: new Board(hello.memory), exited };
      this.#exited = exited;
      this.#verdict = null;
      this.#wear.renew();
      if (this.free) this.#events.free();
    };
    // Its answer proves that the link carries and that the thread's event loop turns.
    far.ping().then(ready, (error: unknown) => this.#report(error));
  }

  /** Tells whoever has jobs in the thread. */
  #ended({ jobs }: Hello, cause: unknown): void {
    const last: { readonly message: readonly RunMessage[] } | undefined = receiveMessageOnPort(jobs);
    this.#answer(last?.message ?? { cause });
    jobs.close();
  }

  #down(pool: Piscina): void {
    this.#hello?.[LINK].close();
    this.#hello = null;
    this.#live = null;
    this.#created = false;
    this.#wear.stop();
    queueMicrotask(() => {
      if (this.#stopping !== null || this.#hold(pool)) return;
      // Piscina gives up for good after a thread that did not come up, so its place is taken by another Piscina.
      this.#retry = setTimeout(() => this.start(), BOOT_RETRY);
      this.#events.failed(this.#bootError);
    });
  }

  /** Keeps the process alive while a thread starts: others wait for it, but Piscina does not count it. False if none does. */
  #hold(pool: Piscina): boolean {
    const [worker] = pool.threads;
    worker?.ref();
    return worker !== undefined;
  }

  /** What jobs came to whose thread has ended under them. */
  #lost({ board }: Live, fresh: boolean, cause: unknown, duration: number): (Run | null)[] {
    const { begun, leaver } = board;
    const ran = (outcome: Outcome): Run => ({ outcome, duration, threadId: -1 });
    const verdict = this.#verdict;
    if (verdict !== null) {
      const { outcome } = verdict;
      // Of a batch that a stop interrupts, that is the job under way, whichever was named.
      const judged = outcome.type === "interrupted" ? this.#jobs[begun - 1]?.id : verdict.jobId;
      return this.#jobs.map(({ id }) => ran(id === judged ? outcome : RELEASED));
    }
    const fates = fatesOf({ ids: this.#jobs.map(({ id }) => id), begun, leaver, fresh });
    if (fates.includes("again")) this.#strayed(leaver, cause);
    return this.#jobs.map((job, at) => {
      if (fates[at] === "again") return null;
      return ran(fates[at] === "guilty" ? this.#crash(job, cause) : RELEASED);
    });
  }

  /** Nothing that runs now ended the thread, or that is in doubt: what runs now runs again. */
  #strayed(leaver: Leaver, cause: unknown): void {
    const message = `A thread ended (${showThrown(cause)}), perhaps by what an earlier job left running in it: its jobs run again`;
    const id = typeof leaver === "number" ? leaver : null;
    this.#options.telemetry.emit("job:stray", { id, worker: null, error: new ThreadCrashError(message, { cause }) });
  }

  #crash(job: ClaimedJob, cause: unknown): Outcome {
    const memory = isError(cause) && "code" in cause && cause.code === "ERR_WORKER_OUT_OF_MEMORY";
    const problem = memory
      ? "ran out of memory in its thread: let it hold less at a time, or raise --max-old-space-size"
      : `ended its thread (${showThrown(cause)}): process.exit, or a crash outside of JavaScript`;
    const error = new ThreadCrashError(`Job ${job.id} of worker ${JSON.stringify(job.worker)} ${problem}`, { cause });
    return failure(error, this.#options.resultLimit);
  }

  #stray({ id, worker, error }: Parameters<HostSide["stray"]>[0]): void {
    this.#options.telemetry.emit("job:stray", { id, worker, error: unpack(error.encoding, error.bytes) });
  }

  #report(error: unknown): void {
    this.#options.telemetry.emit("service:error", { service: "threads", error });
  }
}
