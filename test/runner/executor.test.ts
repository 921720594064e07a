import { expect } from "chai";
import type { Ack } from "../../lib/engine/complete.js";
import { StoppedError } from "../../lib/errors.js";
import type { Answer } from "../../lib/job/answer.js";
import type { ClaimedJob } from "../../lib/job/job.js";
import type { Outcome } from "../../lib/job/outcome.js";
import type { Acks } from "../../lib/runner/acks.js";
import { Executor } from "../../lib/runner/executor.js";
import { Holds } from "../../lib/runner/holds.js";
import { Recorder } from "../../lib/runner/recorder.js";
import type { Suspects } from "../../lib/runner/suspects.js";
import type { Run } from "../../lib/runner/threads/run.js";
import type { Threads } from "../../lib/runner/threads/threads.js";
import { Telemetry } from "../../lib/telemetry.js";
import { claimedJob } from "../support/claimed.js";
import double from "../../examples/workers/double.js";

const COMPLETED: Outcome = { type: "completed", result: null };
const FAILED: Outcome = { type: "failed", error: { encoding: "b", bytes: new Uint8Array() }, summary: "Error: no" };

/** Runs jobs when the test says so. */
class FakeThreads {
  readonly batches: { jobs: readonly ClaimedJob[]; end: (...outcomes: Outcome[]) => void }[] = [];
  readonly aborted: number[] = [];

  runBatch(jobs: readonly ClaimedJob[]): Promise<Run[]> {
    return new Promise((resolve) => {
      const end = (...outcomes: Outcome[]): void =>
        resolve(jobs.map((job, at) => ({ job, outcome: outcomes[at] ?? COMPLETED, duration: 1, threadId: 1 })));
      this.batches.push({ jobs, end });
    });
  }

  abort(jobId: number): void {
    this.aborted.push(jobId);
  }

  isRunning(): boolean {
    return true;
  }
}

/** Writes outcomes when the test says so. */
class FakeAcks {
  readonly pushed: Ack[] = [];
  readonly substitutes: Ack[] = [];
  readonly interrupted: number[] = [];
  /** What each write waits for. It resolves to false if the fence refuses. */
  written: Promise<boolean> = Promise.resolve(true);

  push(ack: Ack): Promise<boolean> {
    this.pushed.push(ack);
    return this.written;
  }

  async pushSubstitute(ack: Ack): Promise<boolean> {
    this.substitutes.push(ack);
    return true;
  }

  async interrupt({ id }: { readonly id: number }): Promise<boolean> {
    this.interrupted.push(id);
    return true;
  }
}

describe("the executor", () => {
  let threads: FakeThreads;
  let acks: FakeAcks;
  let holds: Holds;
  let telemetry: Telemetry;
  /** The answers that awaiters of this process got, by ref. */
  let told: Map<string, Answer>;
  /** Jobs whose begin was written before they ran. */
  let begun: number[];
  let begins: () => Promise<void>;
  let suspected: number[];

  beforeEach(() => {
    threads = new FakeThreads();
    acks = new FakeAcks();
    holds = new Holds();
    telemetry = new Telemetry("test");
    told = new Map();
    begun = [];
    begins = async () => {};
    suspected = [];
  });

  function make(delivery: "committed" | "early" = "committed"): Executor {
    const recorder = new Recorder({
      host: "me",
      acks: acks as unknown as Acks,
      holds,
      deliver: (ref, answer) => told.set(ref, answer),
      delivery,
      telemetry,
    });
    const suspects = {
      run: async (job: ClaimedJob): Promise<Run> => {
        suspected.push(job.id);
        return { job, outcome: COMPLETED, duration: 1, threadId: -1 };
      },
    };
    return new Executor({
      workers: new Map([[double.name, double]]),
      threads: threads as unknown as Threads,
      suspects: suspects as unknown as Suspects,
      engine: {
        begin: async (jobs) => {
          begun.push(...jobs.map(({ id }) => id));
          await begins();
        },
      },
      recorder,
      telemetry,
    });
  }

  /** A job that this host holds. */
  function heldJob(rest: Partial<ClaimedJob> = {}): ClaimedJob {
    const job = claimedJob(double.name, {}, { ref: `ref ${holds.size}`, ...rest });
    holds.add(job);
    return job;
  }

  /** Resolves when everything that waits for nothing else has happened. */
  function settled(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve));
  }

  it("records each outcome of a batch, tells its awaiters, and ends the holds", async () => {
    const executor = make();
    const jobs = [heldJob(), heldJob()];
    const done = executor.execute(jobs);
    expect(executor.running).to.equal(2);
    threads.batches[0]?.end(COMPLETED, FAILED);
    await done;
    await settled();
    expect(executor.running).to.equal(0);
    expect(acks.pushed.map(({ id, transition: { state } }) => [id, state])).to.deep.equal([
      [jobs[0]?.id, "completed"],
      [jobs[1]?.id, "retryable"],
    ]);
    expect([...told.keys()]).to.deep.equal(["ref 0", "ref 1"]);
    expect(holds.size).to.equal(0);
    expect(telemetry.counts()).to.deep.equal({ "job:start": 2, "job:stop": 2 });
  });

  for (const delivery of ["committed", "early"] as const) {
    it(`tells awaiters ${delivery === "early" ? "before" : "once"} the row is written, with ${delivery} delivery`, async () => {
      let write = (): void => {};
      acks.written = new Promise((resolve) => {
        write = () => resolve(true);
      });
      const done = make(delivery).execute([heldJob()]);
      threads.batches[0]?.end();
      await done;
      await settled();
      expect(told.size).to.equal(delivery === "early" ? 1 : 0);
      expect(holds.size, "the outcome may not be written yet").to.equal(1);
      write();
      await settled();
      expect(told.size).to.equal(1);
      expect(holds.size).to.equal(0);
    });
  }

  it("tells nobody of an outcome that the fence refuses, and reports it", async () => {
    acks.written = Promise.resolve(false);
    const done = make().execute([heldJob()]);
    threads.batches[0]?.end();
    await done;
    await settled();
    expect(told.size).to.equal(0);
    expect(holds.size).to.equal(0);
    expect(telemetry.counts()["claim:lost"]).to.equal(1);
  });

  it("fails a job whose outcome the database refuses", async () => {
    acks.written = Promise.reject(new Error("value too long"));
    acks.written.catch(() => {});
    const done = make().execute([heldJob()]);
    threads.batches[0]?.end();
    await done;
    await settled();
    expect(acks.substitutes.map(({ transition: { state } }) => state)).to.deep.equal(["retryable"]);
    expect(acks.substitutes[0]?.transition.error).to.include("value too long");
    expect(told.size).to.equal(1);
    expect(holds.size).to.equal(0);
  });

  it("puts nothing in the place of an outcome that the host's stop leaves unwritten", async () => {
    acks.written = Promise.reject(new StoppedError("write"));
    acks.written.catch(() => {});
    const done = make().execute([heldJob()]);
    threads.batches[0]?.end();
    await done;
    await settled();
    expect(acks.substitutes).to.deep.equal([]);
    expect(told.size).to.equal(0);
  });

  it("records a failure after the job was asked to end as an interruption, and a success as a success", async () => {
    const executor = make();
    const [failing, completing] = [heldJob(), heldJob()];
    const done = executor.execute([failing, completing]);
    executor.abort("stop");
    expect(threads.aborted).to.have.members([failing.id, completing.id]);
    threads.batches[0]?.end(FAILED, COMPLETED);
    await done;
    await settled();
    expect(acks.interrupted).to.deep.equal([failing.id]);
    expect(acks.pushed.map(({ id }) => id)).to.deep.equal([completing.id]);
  });

  it("records a disowned job as interrupted, and drops what its run comes to", async () => {
    const executor = make();
    const job = heldJob();
    const done = executor.execute([job]);
    executor.disown();
    threads.batches[0]?.end(COMPLETED);
    await done;
    await settled();
    expect(acks.interrupted).to.deep.equal([job.id]);
    expect(acks.pushed).to.deep.equal([]);
    expect(told.size).to.equal(0);
  });

  it("releases jobs of a worker that the host does not have", async () => {
    await make().execute([heldJob({ worker: "elsewhere" })]);
    await settled();
    expect(threads.batches).to.deep.equal([]);
    expect(acks.pushed.map(({ transition: { state, counted } }) => ({ state, counted }))).to.deep.equal([
      { state: "available", counted: false },
    ]);
    expect(telemetry.counts()).to.deep.equal({ "service:error": 1 });
  });

  it("writes that a suspect has begun before it runs", async () => {
    const executor = make();
    const [inThread, alone] = [heldJob({ suspicion: 1, begun: false }), heldJob({ suspicion: 2, begun: false })];
    const done = Promise.all([executor.execute([inThread]), executor.execute([alone])]);
    await settled();
    expect(begun).to.deep.equal([inThread.id, alone.id]);
    expect(threads.batches.map(({ jobs }) => jobs)).to.deep.equal([[inThread]]);
    expect(suspected).to.deep.equal([alone.id]);
    threads.batches[0]?.end();
    await done;
  });

  it("releases a suspect whose begin it cannot write", async () => {
    begins = () => Promise.reject(new Error("away"));
    await make().execute([heldJob({ suspicion: 2, begun: false })]);
    await settled();
    expect(suspected).to.deep.equal([]);
    expect(acks.pushed.map(({ transition: { state } }) => state)).to.deep.equal(["available"]);
  });

  it("is idle once no job is in a thread", async () => {
    const executor = make();
    await executor.idle();
    const done = executor.execute([heldJob()]);
    let idle = false;
    const waiting = executor.idle().then(() => (idle = true));
    await settled();
    expect(idle).to.equal(false);
    threads.batches[0]?.end();
    await Promise.all([done, waiting]);
  });
});
