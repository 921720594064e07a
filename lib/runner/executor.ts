import { failure } from "../codec/failure.js";
import { RESULT_LIMIT } from "../codec/limits.js";
import { DatabaseError, StoppedError, UnknownWorkerError } from "../errors.js";
import type { Answer } from "../job/answer.js";
import type { ClaimedJob, JobState } from "../job/job.js";
import type { InterruptedOutcome, Outcome, ReleasedOutcome } from "../job/outcome.js";
import { RUNS_ALONE } from "../job/suspicion.js";
import { transition } from "../job/transition.js";
import type { ClaimKey } from "../engine/census.js";
import type { Engine } from "../engine/engine.js";
import type { Telemetry } from "../telemetry.js";
import type { AnyWorker } from "../worker.js";
import type { Acks } from "./acks.js";
import type { Holds } from "./holds.js";
import { Attempts } from "./attempts.js";
import type { Suspects } from "./suspects.js";
import type { Run, Threads } from "./threads/threads.js";

/** What is known of an answer besides itself. */
export interface AnswerFacts {
  readonly id: number;
  readonly state: JobState;
  readonly attempt: number;
  readonly host: string;
}

export interface ExecutorOptions {
  readonly workers: ReadonlyMap<string, AnyWorker>;
  readonly threads: Threads;
  /** Where jobs run with which hosts have died. */
  readonly suspects: Suspects;
  /** What this host holds. A job is taken before it comes here, and dropped when its end is written. */
  readonly holds: Holds;
  readonly engine: Engine;
  readonly acks: Acks;
  /** Hands an answer to this process's own awaiters. */
  readonly deliver: (ref: string, answer: Answer, facts: AnswerFacts) => void;
  /** Whether they have to wait until its row is written. */
  readonly delivery: "committed" | "early";
  readonly telemetry: Telemetry;
}

/** Takes a claimed job to its end: run it, decide what becomes of it, write that, and only then tell who awaits. */
export class Executor {
  readonly #options: ExecutorOptions;
  readonly #attempts: Attempts;
  readonly #running = new Set<ClaimedJob>();
  readonly #interrupted = new Set<ClaimedJob>();
  /** Jobs given back though they run, by {@link disown}. */
  readonly #disowned = new Set<ClaimedJob>();
  readonly #idle: (() => void)[] = [];

  constructor(options: ExecutorOptions) {
    this.#options = options;
    this.#attempts = new Attempts(options.engine, options.telemetry);
  }

  /** The jobs in threads now. */
  get running(): number {
    return this.#running.size;
  }

  /**
   * Runs jobs of one worker, one after the other in one thread. Resolves when that is free again; the outcomes are then on their
   * way to the rows. Never rejects.
   */
  async run(jobs: readonly ClaimedJob[]): Promise<void> {
    for (const job of jobs) this.#running.add(job);
    const outcomes = await this.#perform(jobs);
    for (const job of jobs) this.#running.delete(job);
    if (this.#running.size === 0) for (const resolve of this.#idle.splice(0)) resolve();
    for (const [at, job] of jobs.entries()) {
      const outcome = outcomes[at] as Outcome;
      // What fails after it was told to stop may have failed for that: it gets its attempt back.
      const interrupted = this.#interrupted.delete(job) && outcome.type === "failed";
      if (!this.#disowned.delete(job)) void this.#finish(job, interrupted ? INTERRUPTED : outcome);
    }
  }

  /** Resolves when no job is in a thread. */
  async idle(): Promise<void> {
    if (this.#running.size > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  /** Gives a job back that was claimed but not run. */
  release(job: ClaimedJob): void {
    void this.#finish(job, { type: "released" });
  }

  /** Gives back what this host holds by the table alone. The fence refuses where that is no longer so. */
  async giveBack({ id, claim }: ClaimKey): Promise<void> {
    const { acks, holds, telemetry } = this.#options;
    holds.take({ id, claim });
    try {
      const given = await acks.push({ id, claim, transition: RELEASED, awaited: false });
      if (given) telemetry.emit("claim:stray", { id, claim });
    } catch (error) {
      telemetry.emit("service:error", { service: "executor", error });
    } finally {
      holds.drop({ id, claim });
    }
  }

  /** Asks running jobs to end, by their signal. */
  abort(reason: string): void {
    for (const job of this.#running) {
      this.#interrupted.add(job);
      this.#placeOf(job).abort(job.id, reason);
    }
  }

  /**
   * Ends running jobs by ending their threads, and gives them back. Resolves when the threads have exited, which native code
   * keeps from it for as long as it runs.
   */
  async kill(outcome: ReleasedOutcome | InterruptedOutcome): Promise<void> {
    await Promise.all([...this.#running].map((job) => this.#placeOf(job).kill(job.id, outcome)));
  }

  /**
   * Gives back the jobs whose threads were told to end and have not. Another host may run such a job while native code of
   * this run goes on; what that comes to is never written.
   */
  disown(): void {
    for (const job of this.#running) {
      this.#disowned.add(job);
      void this.#finish(job, this.#placeOf(job).isRunning(job.id) ? INTERRUPTED : { type: "released" });
    }
  }

  /** Marks no more. For when nothing runs. */
  stop(): void {
    this.#attempts.stop();
  }

  #placeOf({ suspicion }: ClaimedJob): Threads | Suspects {
    return suspicion >= RUNS_ALONE ? this.#options.suspects : this.#options.threads;
  }

  async #perform(jobs: readonly ClaimedJob[]): Promise<Outcome[]> {
    const { workers, telemetry } = this.#options;
    const [first] = jobs as readonly [ClaimedJob];
    const worker = workers.get(first.worker);
    if (worker === undefined) {
      // A claim brings no such job. Others may have its worker.
      telemetry.emit("service:error", { service: "executor", error: unknownWorker(first.worker, [...workers.keys()]) });
      return jobs.map(() => ({ type: "released" }));
    }
    for (const { id, worker, queue, attempt } of jobs) telemetry.emit("job:start", { id, worker, queue, attempt });
    const runs = await this.#run(jobs, worker.url);
    return runs.map(({ outcome, duration, threadId }, at) => {
      const { id, worker, queue, attempt } = jobs[at] as ClaimedJob;
      if (outcome.type === "quarantined") telemetry.emit("quarantine", { id });
      telemetry.emit("job:stop", { id, worker, queue, attempt, outcome: outcome.type, duration, threadId });
      return outcome;
    });
  }

  async #run(jobs: readonly ClaimedJob[], url: string): Promise<Run[]> {
    const { threads, suspects } = this.#options;
    const [first] = jobs as readonly [ClaimedJob];
    if (first.suspicion > 0 && !(await this.#begun(first))) return [RELEASED_RUN];
    if (this.#placeOf(first) === suspects) return [await suspects.run(first, url)];
    for (const job of jobs) this.#attempts.begin(job);
    const runs = await threads.runBatch(jobs, url);
    for (const job of jobs) this.#attempts.end(job);
    return runs;
  }

  /** It may take the machine down with it: that it has begun must be known before. False where that cannot be written. */
  async #begun(job: ClaimedJob): Promise<boolean> {
    const { engine, telemetry } = this.#options;
    try {
      if (!job.begun) await engine.begin([job]);
      return true;
    } catch (error) {
      telemetry.emit("service:error", { service: "executor", error });
      return false;
    }
  }

  async #finish(job: ClaimedJob, outcome: Outcome, instead = false): Promise<void> {
    const { acks, engine, holds, telemetry, deliver, delivery } = this.#options;
    const { id, claim, attempt, ref, awaited } = job;
    if (outcome.type === "interrupted") return this.#interrupt(job);
    const next = transition(outcome, job, Math.random);
    const { answer, state } = next;
    const tell = (): void => {
      if (ref !== null && answer !== null) deliver(ref, answer, { id, state, attempt, host: engine.host });
    };
    try {
      const ack = { id, claim, transition: next, awaited };
      const writing = instead ? acks.insist(ack) : acks.push(ack);
      if (delivery === "early") tell();
      if (!(await writing)) telemetry.emit("claim:lost", { id, claim });
      else if (delivery === "committed") tell();
    } catch (error) {
      telemetry.emit("service:error", { service: "executor", error });
      // What comes instead is written sooner or later, for as long as the host lives.
      if (!(error instanceof StoppedError)) await this.#finish(job, refused(error), true);
    } finally {
      holds.drop({ id, claim });
    }
  }

  async #interrupt({ id, claim }: ClaimedJob): Promise<void> {
    const { acks, holds, telemetry } = this.#options;
    try {
      if (!(await acks.interrupt({ id, claim }))) telemetry.emit("claim:lost", { id, claim });
    } catch (error) {
      telemetry.emit("service:error", { service: "executor", error });
    } finally {
      holds.drop({ id, claim });
    }
  }
}

const RELEASED = transition({ type: "released" }, { attempt: 0, maxAttempts: 1 }, Math.random);
const RELEASED_RUN: Run = { outcome: { type: "released" }, duration: 0, threadId: -1 };
const INTERRUPTED: InterruptedOutcome = { type: "interrupted" };

function unknownWorker(worker: string, known: readonly string[]): UnknownWorkerError {
  const list = known.length === 0 ? "none" : known.join(", ");
  const problem = `is not among the workers of the host that got its job (it has ${list}): add it to the workers option`;
  return new UnknownWorkerError(worker, problem);
}

function refused(error: unknown): Outcome {
  const message = `The database does not take this job's result: ${(error as Error).message}`;
  return failure(new DatabaseError("ERR_BATON_DATABASE_REFUSED", message, { cause: error }), RESULT_LIMIT);
}
