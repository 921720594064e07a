import { type ChildProcess, fork } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { unpack } from "../../codec/codec.js";
import { failure } from "../../codec/failure.js";
import { MAX_RESULT_LIMIT } from "../../codec/limits.js";
import { entry } from "../../entry.js";
import { ThreadCrashError } from "../../errors.js";
import type { ClaimedJob } from "../../job/job.js";
import type { Outcome } from "../../job/outcome.js";
import type { Telemetry } from "../../telemetry.js";
import type { IsolationCommand, IsolationReport, Packed } from "./isolation-process.js";
import type { Run } from "../../thread/perform.js";

/** The process of one job. */
interface Isolated {
  readonly process: ChildProcess;
  /** Resolves when the process has ended, or could not start, and all its reports have arrived. */
  readonly ended: Promise<void>;
  /** The outcome with which Baton kills the job; null unless it does. */
  killedWith: Outcome | null;
}

/**
 * What came of a job in a process of its own: a run, or the death of the process while the job ran.
 * `death` is the signal or the exit status.
 */
export type IsolationResult = { readonly run: Run } | { readonly death: string };

/** Runs each job in a process of its own, so that neither this host nor other jobs die with it. */
export class Isolation {
  readonly #resultLimit: number;
  readonly #telemetry: Telemetry;
  /** By job id. Holds only processes that have not ended. */
  readonly #isolated = new Map<number, Isolated>();

  constructor(resultLimit: number, telemetry: Telemetry) {
    this.#resultLimit = resultLimit;
    this.#telemetry = telemetry;
  }

  /** How many jobs run in processes of their own. */
  get running(): number {
    return this.#isolated.size;
  }

  /** Runs a job. Never rejects: a job whose process cannot start fails. */
  async run(job: ClaimedJob, url: string): Promise<IsolationResult> {
    const start = performance.now();
    const ended = (outcome: Outcome): IsolationResult => ({
      run: { outcome, duration: performance.now() - start, threadId: -1 },
    });
    try {
      const { run, killedWith, begun, how, problem } = await this.#execute(job, url);
      if (run !== null) return { run };
      if (killedWith !== null) return ended(killedWith);
      if (begun) return { death: how };
      const message = `Job ${job.id} of worker ${JSON.stringify(job.worker)} did not run: its process could not start (${how})`;
      return ended(failure(new ThreadCrashError(message, { cause: problem }), this.#resultLimit));
    } catch (error) {
      return ended(failure(error, this.#resultLimit));
    }
  }

  async #execute(job: ClaimedJob, url: string) {
    const child = fork(entry("lib/runner/threads/isolation-process.js"), {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    const isolated: Isolated = { process: child, ended: endOf(child), killedWith: null };
    this.#isolated.set(job.id, isolated);
    let begun = false;
    let run: Packed | null = null;
    let problem: unknown = null;
    child.on("message", (report: IsolationReport) => {
      if ("begun" in report) begun = true;
      else if ("stray" in report) this.#stray(job, report.stray);
      else ({ run } = report);
    });
    // The process could not start, or a message could not be sent.
    child.on("error", (error) => {
      problem = error;
    });
    this.#preferForOomKill(child);
    send(child, { job, url, resultLimit: this.#resultLimit });
    await isolated.ended;
    this.#isolated.delete(job.id);
    const how = child.signalCode ?? `exit status ${child.exitCode}`;
    return { run: run === null ? null : this.#read(run), killedWith: isolated.killedWith, begun, how, problem };
  }

  /** Aborts the `context.signal` of a job. */
  abort(jobId: number, reason: string): void {
    const isolated = this.#isolated.get(jobId);
    if (isolated !== undefined) send(isolated.process, { abort: reason });
  }

  /**
   * Kills the process of a job. The job gets `outcome`, unless it ends by itself at the same
   * moment. Resolves when the process has ended.
   */
  async kill(jobId: number, outcome: Outcome): Promise<void> {
    const isolated = this.#isolated.get(jobId);
    if (isolated === undefined) return;
    isolated.killedWith ??= outcome;
    isolated.process.kill("SIGKILL");
    await isolated.ended;
  }

  /** Whether a job is under way here. */
  isRunning(jobId: number): boolean {
    return this.#isolated.has(jobId);
  }

  #read({ encoding, text }: Packed): Run {
    return unpack(encoding, Buffer.from(text, "base64"), { resultLimit: 2 * MAX_RESULT_LIMIT }) as Run;
  }

  #stray({ id, worker }: ClaimedJob, { encoding, text }: Packed): void {
    this.#telemetry.emit("job:stray", { id, worker, error: unpack(encoding, Buffer.from(text, "base64")) });
  }

  /** Makes Linux end this process, and not the host, when memory runs out. */
  #preferForOomKill({ pid }: ChildProcess): void {
    if (process.platform !== "linux" || pid === undefined) return;
    writeFile(`/proc/${pid}/oom_score_adj`, "1000").catch((error: unknown) => {
      this.#telemetry.emit("service:error", { service: "isolation", error });
    });
  }
}

/** Errors of sending arrive at the child's `error` event. */
function send(child: ChildProcess, command: IsolationCommand): void {
  child.send(command, () => {});
}

/** A child's last reports may arrive after it has exited, but not after its channel has closed. */
async function endOf(child: ChildProcess): Promise<void> {
  await new Promise<void>((resolve) => {
    child.once("exit", () => resolve());
    child.once("error", () => {
      if (child.pid === undefined) resolve();
    });
  });
  if (child.connected) await new Promise<void>((resolve) => child.once("disconnect", () => resolve()));
}
