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
import type { Run } from "../../thread/perform.js";
import type { Packed, Report } from "./isolation-process.js";

/** A job and its process. */
interface Isolated {
  readonly process: ChildProcess;
  /** Resolves when it has ended, or could not be started, and all that it said has arrived. */
  readonly ended: Promise<void>;
  /** Set once it is to end: what its job comes to thereby. */
  verdict: Outcome | null;
}

/** What a job came to in a process of its own: its run, or how that process died by itself while it ran. */
export type Solitary = { readonly run: Run } | { readonly death: string };

/** Runs jobs each in a process of its own: this host does not die with them, and what dies there dies alone. */
export class Isolation {
  readonly #resultLimit: number;
  readonly #telemetry: Telemetry;
  readonly #isolated = new Map<number, Isolated>();

  constructor(resultLimit: number, telemetry: Telemetry) {
    this.#resultLimit = resultLimit;
    this.#telemetry = telemetry;
  }

  /** How many jobs run so. */
  get running(): number {
    return this.#isolated.size;
  }

  /** Never rejects. A job whose process cannot be had fails. */
  async run(job: ClaimedJob, url: string): Promise<Solitary> {
    const start = performance.now();
    const ended = (outcome: Outcome): Solitary => ({
      run: { outcome, duration: performance.now() - start, threadId: -1 },
    });
    try {
      const { run, verdict, begun, how, problem } = await this.#run(job, url);
      if (run !== null) return { run };
      if (verdict !== null) return ended(verdict);
      if (begun) return { death: how };
      const message = `Job ${job.id} of worker ${JSON.stringify(job.worker)} was to run in a process of its own, which did not come up (${how})`;
      return ended(failure(new ThreadCrashError(message, { cause: problem }), this.#resultLimit));
    } catch (error) {
      return ended(failure(error, this.#resultLimit));
    }
  }

  async #run(job: ClaimedJob, url: string) {
    const child = fork(entry("lib/runner/threads/isolation-process.js"), {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    const isolated: Isolated = { process: child, ended: endOf(child), verdict: null };
    this.#isolated.set(job.id, isolated);
    let begun = false;
    let run: Packed | null = null;
    let problem: unknown = null;
    child.on("message", (report: Report) => {
      if ("begun" in report) begun = true;
      else if ("stray" in report) this.#stray(job, report.stray);
      else ({ run } = report);
    });
    // It could not be started, or not be told something.
    child.on("error", (error) => {
      problem = error;
    });
    this.#offer(child);
    child.send({ job, url, resultLimit: this.#resultLimit }, () => {});
    await isolated.ended;
    this.#isolated.delete(job.id);
    const how = child.signalCode ?? `exit status ${child.exitCode}`;
    return { run: run === null ? null : this.#read(run), verdict: isolated.verdict, begun, how, problem };
  }

  /** Asks a job to end early, by its signal. */
  abort(jobId: number, reason: string): void {
    this.#isolated.get(jobId)?.process.send({ abort: reason }, () => {});
  }

  /** Ends a job's process, and the job with this outcome unless it ends by itself just now. Resolves when the process has ended. */
  async kill(jobId: number, outcome: Outcome): Promise<void> {
    const isolated = this.#isolated.get(jobId);
    if (isolated === undefined) return;
    isolated.verdict ??= outcome;
    isolated.process.kill("SIGKILL");
    await isolated.ended;
  }

  /** Whether a job is under way here. */
  runs(jobId: number): boolean {
    return this.#isolated.has(jobId);
  }

  #read({ encoding, text }: Packed): Run {
    return unpack(encoding, Buffer.from(text, "base64"), { resultLimit: 2 * MAX_RESULT_LIMIT }) as Run;
  }

  #stray({ id, worker }: ClaimedJob, { encoding, text }: Packed): void {
    this.#telemetry.emit("job:stray", { id, worker, error: unpack(encoding, Buffer.from(text, "base64")) });
  }

  /** Where memory runs out, Linux should end this process and not the host. */
  #offer({ pid }: ChildProcess): void {
    if (process.platform !== "linux" || pid === undefined) return;
    writeFile(`/proc/${pid}/oom_score_adj`, "1000").catch((error: unknown) => {
      this.#telemetry.emit("service:error", { service: "isolation", error });
    });
  }
}

/** A child's last words may arrive after it has exited, but not after its channel is closed. */
async function endOf(child: ChildProcess): Promise<void> {
  await new Promise<void>((resolve) => {
    child.once("exit", () => resolve());
    child.once("error", () => {
      if (child.pid === undefined) resolve();
    });
  });
  if (child.connected) await new Promise<void>((resolve) => child.once("disconnect", () => resolve()));
}
