import { type ChildProcess, fork } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { unpack } from "../codec/codec.js";
import { failure } from "../codec/failure.js";
import { MAX_RESULT_LIMIT } from "../codec/limits.js";
import { QuarantinedError, ThreadCrashError } from "../errors.js";
import { QUARANTINED_AT } from "../job/crashes.js";
import type { ClaimedJob } from "../job/job.js";
import type { Outcome } from "../job/outcome.js";
import type { Telemetry } from "../telemetry.js";
import type { Packed, Report } from "./isolation-process.js";
import type { Run } from "./threads.js";

const ENTRY = fileURLToPath(new URL("./isolation-process.js", import.meta.url));

/** A job and its process. */
interface Isolated {
  readonly process: ChildProcess;
  /** Resolves when it has ended, or could not be started, and all that it said has arrived. */
  readonly ended: Promise<void>;
  /** Set once it is to end: what its job comes to thereby. */
  verdict: Outcome | null;
}

/** Runs jobs with which hosts have died each in a process of its own: this host does not die with them, and the blame is certain. */
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

  /** Never rejects. A job whose process dies is quarantined; one whose process cannot be had fails. */
  async run(job: ClaimedJob, url: string): Promise<Run> {
    const start = performance.now();
    const ended = (outcome: Outcome): Run => ({ outcome, duration: performance.now() - start, threadId: -1 });
    try {
      const { run, outcome } = await this.#run(job, url);
      return run ?? ended(outcome);
    } catch (error) {
      return ended(failure(error, this.#resultLimit));
    }
  }

  async #run(job: ClaimedJob, url: string): Promise<{ run: Run | null; outcome: Outcome }> {
    const child = fork(ENTRY, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
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
    const outcome = isolated.verdict ?? this.#death(job, child, begun, problem);
    return { run: run === null ? null : this.#read(run), outcome };
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

  #death(
    { id, worker }: ClaimedJob,
    { signalCode, exitCode }: ChildProcess,
    begun: boolean,
    problem: unknown,
  ): Outcome {
    const job = `Job ${id} of worker ${JSON.stringify(worker)}`;
    const how = signalCode ?? `exit status ${exitCode}`;
    if (!begun) {
      const message = `${job} was to run in a process of its own, which did not come up (${how})`;
      return failure(new ThreadCrashError(message, { cause: problem }), this.#resultLimit);
    }
    const message = `${job} took down its process (${how}), and ${QUARANTINED_AT} have died with it: it will not run again`;
    return { ...failure(new QuarantinedError(message), this.#resultLimit), type: "quarantined" };
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
