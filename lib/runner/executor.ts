import type { Engine } from "../engine/engine.js";
import { UnknownWorkerError } from "../errors.js";
import type { ClaimedJob } from "../job/job.js";
import type { InterruptedOutcome, Outcome, ReleasedOutcome } from "../job/outcome.js";
import { RUNS_ALONE } from "../job/suspicion.js";
import type { Telemetry } from "../telemetry.js";
import type { AnyWorker } from "../worker.js";
import { Attempts } from "./attempts.js";
import type { Recorder } from "./recorder.js";
import type { Suspects } from "./suspects.js";
import type { Run } from "./threads/run.js";
import type { Threads } from "./threads/threads.js";

export interface ExecutorOptions {
  readonly workers: ReadonlyMap<string, AnyWorker>;
  readonly threads: Threads;
  readonly suspects: Suspects;
  readonly engine: Pick<Engine, "begin">;
  readonly recorder: Recorder;
  readonly telemetry: Telemetry;
}

const RELEASED: ReleasedOutcome = { type: "released" };
const INTERRUPTED: InterruptedOutcome = { type: "interrupted" };

/** Executes claimed jobs. The host holds each of them until its outcome is recorded. */
export class Executor {
  readonly #options: ExecutorOptions;
  readonly #attempts: Attempts;
  /** Jobs that {@link execute} has begun and whose runs have not ended. */
  readonly #running = new Set<ClaimedJob>();
  /** Of these, the jobs that were asked to end early. */
  readonly #interrupted = new Set<ClaimedJob>();
  /** Of these, the jobs that {@link disown} has released. Their later outcomes are dropped. */
  readonly #disowned = new Set<ClaimedJob>();
  /** Called when the last run ends. */
  readonly #onIdle: (() => void)[] = [];

  constructor(options: ExecutorOptions) {
    this.#options = options;
    this.#attempts = new Attempts(options.engine, options.telemetry);
  }

  /** How many jobs are under way: in threads, in processes of their own, or about to be. */
  get running(): number {
    return this.#running.size;
  }

  /**
   * Takes jobs of one worker through its steps: enter, perform in one thread, leave, decide and
   * record, which also delivers the answer. Resolves when the thread is free again, before the
   * outcomes are written. Never rejects.
   */
  async execute(jobs: readonly ClaimedJob[]): Promise<void> {
    const url = this.#enter(jobs);
    const runs = url === null ? jobs.map(notRun) : await this.#perform(jobs, url);
    this.#leave(jobs);
    for (const run of runs) {
      const outcome = this.#decide(run);
      if (outcome !== null) void this.#options.recorder.record(run.job, outcome);
    }
  }

  /** Releases a job that was claimed but has not run. */
  release(job: ClaimedJob): void {
    void this.#options.recorder.record(job, RELEASED);
  }

  /** Resolves when no job is in a thread. */
  async idle(): Promise<void> {
    if (this.#running.size > 0) await new Promise<void>((resolve) => this.#onIdle.push(resolve));
  }

  /** Asks running jobs to end, by their signal. */
  abort(reason: string): void {
    for (const job of this.#running) {
      this.#interrupted.add(job);
      this.#placeOf(job).abort(job.id, reason);
    }
  }

  /**
   * Kills the threads of running jobs. The jobs get this outcome. Resolves when the threads have
   * exited, which native code delays for as long as it runs.
   */
  async kill(outcome: ReleasedOutcome | InterruptedOutcome): Promise<void> {
    await Promise.all([...this.#running].map((job) => this.#placeOf(job).kill(job.id, outcome)));
  }

  /**
   * Releases the jobs whose killed threads have not exited. Another host may run such a job while
   * native code of this run goes on. The outcome of this run is dropped.
   */
  disown(): void {
    const { recorder } = this.#options;
    for (const job of this.#running) {
      this.#disowned.add(job);
      void recorder.record(job, this.#placeOf(job).isRunning(job.id) ? INTERRUPTED : RELEASED);
    }
  }

  /** Stops counting the attempts of running jobs on their rows. */
  stopCounting(): void {
    this.#attempts.stop();
  }

  /** Marks jobs as running. Returns the URL of their worker; null if this host does not have it. */
  #enter(jobs: readonly ClaimedJob[]): string | null {
    const { workers, telemetry } = this.#options;
    const [first] = jobs as readonly [ClaimedJob];
    for (const job of jobs) this.#running.add(job);
    const worker = workers.get(first.worker);
    if (worker === undefined) {
      // No claim should bring such a job. Another host may have its worker.
      telemetry.emit("service:error", { service: "executor", error: unknownWorker(first.worker, [...workers.keys()]) });
      return null;
    }
    for (const { id, worker, queue, attempt } of jobs) telemetry.emit("job:start", { id, worker, queue, attempt });
    return worker.url;
  }

  async #perform(jobs: readonly ClaimedJob[], url: string): Promise<Run[]> {
    const { telemetry } = this.#options;
    const [first] = jobs as readonly [ClaimedJob];
    const runs = await (first.suspicion > 0 ? this.#performSuspect(first, url) : this.#performInThread(jobs, url));
    for (const { job, outcome, duration, threadId } of runs) {
      const { id, worker, queue, attempt } = job;
      if (outcome.type === "quarantined") telemetry.emit("quarantine", { id });
      telemetry.emit("job:stop", { id, worker, queue, attempt, outcome: outcome.type, duration, threadId });
    }
    return runs;
  }

  async #performInThread(jobs: readonly ClaimedJob[], url: string): Promise<Run[]> {
    for (const job of jobs) this.#attempts.started(job);
    const runs = await this.#options.threads.runBatch(jobs, url);
    for (const job of jobs) this.#attempts.ended(job);
    return runs;
  }

  /** A suspect may take its host down, so its row must say that it has begun before it starts. */
  async #performSuspect(job: ClaimedJob, url: string): Promise<Run[]> {
    const { engine, suspects, telemetry } = this.#options;
    try {
      if (!job.begun) await engine.begin([job]);
    } catch (error) {
      telemetry.emit("service:error", { service: "executor", error });
      return [notRun(job)];
    }
    return this.#placeOf(job) === suspects ? [await suspects.run(job, url)] : this.#performInThread([job], url);
  }

  #leave(jobs: readonly ClaimedJob[]): void {
    for (const job of jobs) this.#running.delete(job);
    if (this.#running.size === 0) for (const resolve of this.#onIdle.splice(0)) resolve();
  }

  /** Returns the outcome to record; null for a disowned job, which is recorded already. */
  #decide({ job, outcome }: Run): Outcome | null {
    const interrupted = this.#interrupted.delete(job);
    if (this.#disowned.delete(job)) return null;
    // A job that was asked to end may have failed for that reason: it gets its attempt back.
    return interrupted && outcome.type === "failed" ? INTERRUPTED : outcome;
  }

  #placeOf({ suspicion }: ClaimedJob): Threads | Suspects {
    return suspicion >= RUNS_ALONE ? this.#options.suspects : this.#options.threads;
  }
}

function notRun(job: ClaimedJob): Run {
  return { job, outcome: RELEASED, duration: 0, threadId: -1 };
}

function unknownWorker(worker: string, known: readonly string[]): UnknownWorkerError {
  const list = known.length === 0 ? "none" : known.join(", ");
  const problem = `is not among the workers of the host that got its job (it has ${list}): add it to the workers option`;
  return new UnknownWorkerError(worker, problem);
}
