import { failure } from "../codec/failure.js";
import { RESULT_LIMIT } from "../codec/limits.js";
import type { ClaimKey } from "../engine/claim-key.js";
import { DatabaseError, StoppedError } from "../errors.js";
import type { Answer } from "../job/answer.js";
import type { ClaimedJob, JobState } from "../job/job.js";
import type { Outcome } from "../job/outcome.js";
import { type Transition, transition } from "../job/transition.js";
import type { Telemetry } from "../telemetry.js";
import type { Acks } from "./acks.js";
import type { Holds } from "./holds.js";

/** The facts that are delivered with an answer. */
export interface AnswerFacts {
  readonly id: number;
  readonly state: JobState;
  readonly attempt: number;
  readonly host: string;
}

export interface RecorderOptions {
  /** The id of this host. */
  readonly host: string;
  readonly acks: Acks;
  readonly holds: Holds;
  /** Hands an answer to the awaiters of this process. */
  readonly deliver: (ref: string, answer: Answer, facts: AnswerFacts) => void;
  /** Whether they get it once the job's row is committed, or earlier. */
  readonly delivery: "committed" | "early";
  readonly telemetry: Telemetry;
}

/** Writes outcomes to their rows, and delivers answers to the awaiters of this process. */
export class Recorder {
  readonly #options: RecorderOptions;

  constructor(options: RecorderOptions) {
    this.#options = options;
  }

  /**
   * Records an outcome, delivers its answer and ends the hold. If the database refuses the outcome,
   * records that error instead. Never rejects.
   */
  async record(job: ClaimedJob, outcome: Outcome, write: "push" | "pushSubstitute" = "push"): Promise<void> {
    const { acks, delivery, holds, telemetry } = this.#options;
    const { id, claim, awaited } = job;
    if (outcome.type === "interrupted") return this.#recordInterruption(job);
    const next = transition(outcome, job, Math.random);
    try {
      const recorded = acks[write]({ id, claim, transition: next, awaited });
      if (delivery === "early") this.#tell(job, next);
      if (!(await recorded)) telemetry.emit("claim:lost", { id, claim });
      else if (delivery === "committed") this.#tell(job, next);
    } catch (error) {
      telemetry.emit("service:error", { service: "executor", error });
      if (!(error instanceof StoppedError)) await this.record(job, refusal(error), "pushSubstitute");
    } finally {
      holds.remove(job);
    }
  }

  /** Releases a job that only the table lists as held. The fence refuses if that has changed. */
  async releaseStray({ id, claim }: ClaimKey): Promise<void> {
    const { acks, holds, telemetry } = this.#options;
    holds.add({ id, claim });
    try {
      const released = await acks.push({ id, claim, transition: RELEASED, awaited: false });
      if (released) telemetry.emit("claim:stray", { id, claim });
    } catch (error) {
      telemetry.emit("service:error", { service: "executor", error });
    } finally {
      holds.remove({ id, claim });
    }
  }

  async #recordInterruption({ id, claim }: ClaimedJob): Promise<void> {
    const { acks, holds, telemetry } = this.#options;
    try {
      if (!(await acks.interrupt({ id, claim }))) telemetry.emit("claim:lost", { id, claim });
    } catch (error) {
      telemetry.emit("service:error", { service: "executor", error });
    } finally {
      holds.remove({ id, claim });
    }
  }

  #tell({ id, attempt, ref }: ClaimedJob, { answer, state }: Transition): void {
    const { deliver, host } = this.#options;
    if (ref !== null && answer !== null) deliver(ref, answer, { id, state, attempt, host });
  }
}

const RELEASED = transition({ type: "released" }, { attempt: 0, maxAttempts: 1 }, Math.random);

/** The outcome of a job whose own outcome the database has refused. */
function refusal(error: unknown): Outcome {
  const message = `The database refused this job's result: ${(error as Error).message}`;
  return failure(new DatabaseError("ERR_BATON_DATABASE_REFUSED", message, { cause: error }), RESULT_LIMIT);
}
