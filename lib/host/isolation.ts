import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { unpack } from "../codec/codec.js";
import { failure } from "../codec/failure.js";
import { QuarantinedError, ThreadCrashError } from "../errors.js";
import { QUARANTINED_AT } from "../job/crashes.js";
import type { ClaimedJob } from "../job/job.js";
import type { Outcome } from "../job/outcome.js";
import type { Telemetry } from "../telemetry.js";
import type { Report } from "./isolation-process.js";
import type { Run } from "./threads.js";

const ENTRY = fileURLToPath(new URL("./isolation-process.js", import.meta.url));

/** A job and its process. */
interface Isolated {
  readonly process: ChildProcess;
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

  /** Never rejects. A job whose process dies is quarantined. */
  async run(job: ClaimedJob, url: string): Promise<Run> {
    const start = performance.now();
    const child = fork(ENTRY, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
    const isolated: Isolated = { process: child, verdict: null };
    this.#isolated.set(job.id, isolated);
    let begun = false;
    let run: Run | null = null;
    let problem: unknown = null;
    child.on("message", (report: Report) => {
      if ("begun" in report) begun = true;
      else if ("stray" in report) this.#stray(job, report.stray);
      else run = this.#read(report.run);
    });
    // It could not be started, or not be told something.
    child.on("error", (error) => {
      problem = error;
    });
    this.#offer(child);
    const ended =
      child.pid === undefined ? once(child, "error") : Promise.all([once(child, "exit"), disconnected(child)]);
    child.send({ job, url, resultLimit: this.#resultLimit }, () => {});
    await ended.catch(() => {});
    this.#isolated.delete(job.id);
    const outcome = isolated.verdict ?? this.#death(job, child, begun, problem);
    return run ?? { outcome, duration: performance.now() - start, threadId: -1 };
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
    const { process } = isolated;
    const exited = once(process, "exit");
    process.kill("SIGKILL");
    if (process.exitCode === null && process.signalCode === null) await exited;
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

  #read({ encoding, text }: Extract<Report, { run: unknown }>["run"]): Run {
    const limits = { resultLimit: 2 * this.#resultLimit + 65_536 };
    return unpack(encoding, Buffer.from(text, "base64"), limits) as Run;
  }

  #stray({ id, worker }: ClaimedJob, { encoding, text }: Extract<Report, { stray: unknown }>["stray"]): void {
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

/** What it sent before its end has arrived then. */
async function disconnected(child: ChildProcess): Promise<void> {
  if (child.connected) await once(child, "disconnect");
}
