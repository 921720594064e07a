import { setTimeout as sleep } from "node:timers/promises";
import { failure } from "../codec/failure.js";
import { QuarantinedError, ThreadCrashError } from "../errors.js";
import type { ClaimedJob } from "../job/job.js";
import type { Outcome } from "../job/outcome.js";
import { QUARANTINED_AT } from "../job/suspicion.js";
import type { Engine } from "../engine/engine.js";
import { retryDelay } from "../backoff.js";
import type { Telemetry } from "../telemetry.js";
import type { Isolation } from "./threads/isolation.js";
import type { Run } from "./threads/run.js";

export interface SuspectsOptions {
  readonly isolation: Isolation;
  readonly engine: Pick<Engine, "accused" | "accuse" | "absolve">;
  /** Resolves to whether this host outlives `ms`; see `Membership.survives`. */
  readonly survives: (ms: number) => Promise<boolean>;
  readonly resultLimit: number;
  readonly telemetry: Telemetry;
}

/** ms that a host must outlive a job's process. Otherwise both may have died with their machine. */
const OUTLIVE = 2_000;

/**
 * Runs suspects, each alone in a process of its own, and decides what the end of the process
 * proves. If it dies while its host lives on, the job took it down. If the job gets an outcome, it
 * is cleared of all suspicion. The rules are those of `job/suspicion.ts`.
 */
export class Suspects {
  readonly #options: SuspectsOptions;
  /** Jobs that were asked to end early. Their failures prove nothing. */
  readonly #interrupted = new Set<number>();

  constructor(options: SuspectsOptions) {
    this.#options = options;
  }

  /** Never rejects. */
  async run(job: ClaimedJob, url: string): Promise<Run> {
    const start = performance.now();
    const ended = await this.#options.isolation.run(job, url);
    const interrupted = this.#interrupted.delete(job.id);
    if ("death" in ended) {
      const duration = performance.now() - start;
      return { job, outcome: await this.#judge(job, ended.death), duration, threadId: -1 };
    }
    const { type } = ended.run.outcome;
    const provesNothing = type === "released" || type === "interrupted" || (interrupted && type === "failed");
    if (!provesNothing) await this.#absolve(job);
    return { ...ended.run, job };
  }

  /** Whether a job is under way here. */
  isRunning(jobId: number): boolean {
    return this.#options.isolation.isRunning(jobId);
  }

  /** Asks a job to end early, by its signal. */
  abort(jobId: number, reason: string): void {
    this.#interrupted.add(jobId);
    this.#options.isolation.abort(jobId, reason);
  }

  /**
   * Kills a job's process. The job gets this outcome, unless it ends by itself just then.
   * Resolves when the process has ended.
   */
  kill(jobId: number, outcome: Outcome): Promise<void> {
    return this.#options.isolation.kill(jobId, outcome);
  }

  /** Returns the outcome of a job whose process has died. `how` is the signal or exit status. */
  async #judge(job: ClaimedJob, how: string): Promise<Outcome> {
    const { survives, resultLimit } = this.#options;
    if (!(await survives(OUTLIVE))) return { type: "released" };
    const deaths = await this.#accuse(job);
    if (deaths === null) return { type: "released" };
    const what = `Job ${job.id} of worker ${JSON.stringify(job.worker)} took down the process in which it ran alone (${how})`;
    if (deaths < QUARANTINED_AT) return failure(new ThreadCrashError(`${what}: it runs alone again`), resultLimit);
    const message = `${what}, ${deaths} times now, after hosts had died with it: it will not run again`;
    return { ...failure(new QuarantinedError(message), resultLimit), type: "quarantined" };
  }

  /**
   * Counts the death on the job's row, once however often the write is retried. Resolves to the
   * count, or to null if the job is no longer this host's, or the host ends.
   */
  async #accuse(job: ClaimedJob): Promise<number | null> {
    const { engine, survives, telemetry } = this.#options;
    let before: number | null = null;
    for (let failures = 1; ; failures += 1) {
      try {
        before ??= await engine.accused(job);
        return before === null ? null : await engine.accuse(job, before + 1);
      } catch (error) {
        telemetry.emit("service:error", { service: "suspects", error });
        await sleep(retryDelay(failures), undefined, { ref: false });
        if (!(await survives(0))) return null;
      }
    }
  }

  /** Clears a job before its outcome is written. If this fails, the job stays a suspect. */
  async #absolve(job: ClaimedJob): Promise<void> {
    const { engine, telemetry } = this.#options;
    await engine
      .absolve(job)
      .catch((error: unknown) => telemetry.emit("service:error", { service: "suspects", error }));
  }
}
