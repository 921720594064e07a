import { failure } from "../codec/failure.js";
import { RESULT_LIMIT } from "../codec/limits.js";
import { DatabaseError, UnknownWorkerError } from "../errors.js";
import type { Answer } from "../job/answer.js";
import type { ClaimedJob, JobState } from "../job/job.js";
import type { Outcome } from "../job/outcome.js";
import { transition } from "../job/transition.js";
import type { Batcher } from "../postgres/batcher.js";
import type { Ack } from "../postgres/engine.js";
import type { Telemetry } from "../telemetry.js";
import type { AnyWorker } from "../worker.js";
import type { Threads } from "./threads.js";

/** What is known of an answer besides itself. */
export interface AnswerFacts {
  readonly id: number;
  readonly state: JobState;
  readonly attempt: number;
  readonly host: string;
}

export interface ExecutorOptions {
  readonly host: string;
  readonly workers: ReadonlyMap<string, AnyWorker>;
  readonly threads: Threads;
  readonly acks: Batcher<Ack, boolean>;
  /** Hands an answer to this process's own awaiters, after its row is written. */
  readonly deliver: (ref: string, answer: Answer, facts: AnswerFacts) => void;
  readonly telemetry: Telemetry;
}

/** Takes a claimed job to its end: run it, decide what becomes of it, write that, and only then tell who awaits. */
export class Executor {
  readonly #options: ExecutorOptions;
  readonly #running = new Set<ClaimedJob>();
  readonly #interrupted = new Set<ClaimedJob>();
  /** Jobs whose outcome is not written yet, by id, with their claim. */
  readonly #unwritten = new Map<number, number>();
  readonly #idle: (() => void)[] = [];

  constructor(options: ExecutorOptions) {
    this.#options = options;
  }

  /** The jobs in threads now. */
  get running(): number {
    return this.#running.size;
  }

  /** Runs a job. Resolves when its thread is free again; the outcome is then on its way to the row. Never rejects. */
  async run(job: ClaimedJob): Promise<void> {
    this.#running.add(job);
    this.#unwritten.set(job.id, job.claim);
    const outcome = await this.#perform(job);
    this.#running.delete(job);
    if (this.#running.size === 0) for (const resolve of this.#idle.splice(0)) resolve();
    // What fails after it was told to stop may have failed for that: it gets its attempt back.
    const interrupted = this.#interrupted.delete(job) && outcome.type === "failed";
    void this.#finish(job, interrupted ? { type: "released" } : outcome);
  }

  /** The ids of jobs that it runs, or has outcomes of still to write. */
  held(): number[] {
    return [...this.#unwritten.keys()];
  }

  /** Resolves when no job is in a thread. */
  async idle(): Promise<void> {
    if (this.#running.size > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  /** Gives a job back that was claimed but not run. */
  release(job: ClaimedJob): void {
    void this.#finish(job, { type: "released" });
  }

  /** Asks running jobs to end, by their signal. */
  abort(reason: string): void {
    for (const job of this.#running) {
      this.#interrupted.add(job);
      this.#options.threads.abort(job.id, reason);
    }
  }

  /** Ends running jobs by ending their threads, and gives them back. Resolves when the threads have exited. */
  async kill(): Promise<void> {
    await Promise.all([...this.#running].map(({ id }) => this.#options.threads.kill(id, { type: "released" })));
  }

  async #perform(job: ClaimedJob): Promise<Outcome> {
    const { workers, threads, telemetry } = this.#options;
    const worker = workers.get(job.worker);
    if (worker === undefined) return unknownWorker(job.worker, [...workers.keys()]);
    const { id, queue, attempt } = job;
    telemetry.emit("job:start", { id, worker: job.worker, queue, attempt });
    const { outcome, duration, threadId } = await threads.run(job, worker.url);
    telemetry.emit("job:stop", { id, worker: job.worker, queue, attempt, outcome: outcome.type, duration, threadId });
    return outcome;
  }

  async #finish(job: ClaimedJob, outcome: Outcome): Promise<void> {
    const { acks, host, telemetry, deliver } = this.#options;
    const { id, claim, attempt, ref } = job;
    const next = transition(outcome, job, Math.random);
    try {
      const written = await acks.push({ id, claim, transition: next });
      if (!written) telemetry.emit("claim:lost", { id, claim });
      else if (ref !== null && next.answer !== null)
        deliver(ref, next.answer, { id, state: next.state, attempt, host });
    } catch (error) {
      telemetry.emit("service:error", { service: "executor", error });
      // The database refuses this very outcome for good. That is a failure of the attempt, and can be written.
      if (outcome.type === "completed") await this.#finish(job, refused(error));
    } finally {
      if (this.#unwritten.get(id) === claim) this.#unwritten.delete(id);
    }
  }
}

function unknownWorker(worker: string, known: readonly string[]): Outcome {
  const list = known.length === 0 ? "none" : known.join(", ");
  const problem = `is not among the workers of the host that got its job (it has ${list}): add it to the workers option`;
  return failure(new UnknownWorkerError(worker, problem), RESULT_LIMIT);
}

function refused(error: unknown): Outcome {
  const message = `The database refuses this job's result: ${(error as Error).message}`;
  return failure(new DatabaseError("ERR_BATON_DATABASE_REFUSED", message, { cause: error }), RESULT_LIMIT);
}
