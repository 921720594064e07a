import { expect } from "chai";
import { Threads } from "../../../lib/runner/threads/threads.js";
import type { ClaimedJob } from "../../../lib/job/job.js";
import { Telemetry } from "../../../lib/telemetry.js";
import { claimedJob, sampleModule, testModule, valueIn } from "../../support/claimed.js";

describe("Jobs in one message to a thread", () => {
  let threads: Threads;

  beforeEach(async () => {
    threads = new Threads({ size: 1, resultLimit: 8_192, telemetry: new Telemetry("test") });
    await threads.start();
  });

  afterEach(() => threads.stop());

  /** The jobs of one message, by their faults. */
  function batch(faults: readonly string[]): ClaimedJob[] {
    return faults.map((fault, int) => claimedJob("batched", { int, fault }));
  }

  it("run one after the other in one thread, each with its own outcome", async () => {
    const runs = await threads.runBatch(batch(["", "throw", ""]), testModule("batched.js"));
    expect(runs.map(({ outcome }) => outcome.type)).to.deep.equal(["completed", "failed", "completed"]);
    expect(runs.map(({ outcome }) => valueIn(outcome)).filter(Number.isInteger)).to.deep.equal([0, 2]);
    expect(new Set(runs.map(({ threadId }) => threadId)).size).to.equal(1);
    expect(threads.free).to.equal(1);
  });

  it("are aborted one by one, even before their turn", async () => {
    const jobs = [claimedJob("abortable"), claimedJob("abortable")];
    const runs = threads.runBatch(jobs, testModule("stray.js"));
    threads.abort(jobs[1]!.id, "second");
    threads.abort(jobs[0]!.id, "first");
    const messages = (await runs).map(({ outcome }) => (valueIn(outcome) as { message: string }).message);
    expect(messages).to.deep.equal(["first", "second"]);
  });

  it("are released when one of them is killed", async () => {
    const jobs = [claimedJob("abortable"), claimedJob("abortable"), claimedJob("abortable")];
    const first = threads.runBatch(jobs, testModule("stray.js"));
    const second = threads.runBatch(batch(["", ""]), testModule("batched.js"));
    await threads.kill(jobs[1]!.id, { type: "too_large" });
    const types = (await first).map(({ outcome }) => outcome.type);
    expect(types).to.deep.equal(["released", "too_large", "released"]);
    expect((await second).map(({ outcome }) => valueIn(outcome))).to.deep.equal([0, 1]);
  });

  it("never start if one of them is killed while they wait", async () => {
    const running = claimedJob("abortable");
    const first = threads.run(running, testModule("stray.js"));
    const jobs = batch(["", ""]);
    const second = threads.runBatch(jobs, testModule("batched.js"), () => expect.fail("it started"));
    await threads.kill(jobs[1]!.id, { type: "too_large" });
    expect((await second).map(({ outcome }) => outcome.type)).to.deep.equal(["released", "too_large"]);
    threads.abort(running.id, "enough");
    await first;
  });

  it("are released, done or not, when one of them ends their thread; only that one fails", async () => {
    const runs = await threads.runBatch(batch(["", "exit", ""]), testModule("batched.js"));
    expect(runs.map(({ outcome }) => outcome.type)).to.deep.equal(["released", "failed", "released"]);
    expect(valueIn(runs[1]!.outcome)).to.include({ name: "ThreadCrashError" });
    expect(valueIn((await threads.run(claimedJob("double", { int: 21 }), sampleModule("double.js"))).outcome)).to.equal(
      42,
    );
  });
});

describe("A thread", () => {
  // A thread that is ended within a require() of an ES module aborts the process on Node.js 20.
  it("loads no ES module by require()", async () => {
    const threads = new Threads({ size: 1, resultLimit: 65_536, telemetry: new Telemetry("test") });
    try {
      await threads.start();
      const { outcome } = await threads.run(claimedJob("requiring"), testModule("results.js"));
      const required = valueIn(outcome) as string[];
      expect(required.some((path) => path.endsWith("/dist/workers/entry.cjs"))).to.equal(true);
      expect(required.filter((path) => /\/pg-baton\/|\/dist\/(lib|workers|test)\//.test(path))).to.have.length(1);
    } finally {
      await threads.stop();
    }
  });
});
