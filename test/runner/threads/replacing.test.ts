import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { ThreadCrashError } from "../../../lib/errors.js";
import { type Run, Threads, type ThreadsOptions } from "../../../lib/runner/threads/threads.js";
import { Telemetry, type TelemetryEvents } from "../../../lib/telemetry.js";
import { claimedJob, sampleModule, testModule, valueIn } from "../../support/claimed.js";
import { until } from "../../support/until.js";

const SMALL = { maxOldGenerationSizeMb: 32 };

describe("Threads replace a thread", () => {
  let folder: string;
  let file: string;
  let telemetry: Telemetry;
  let strays: TelemetryEvents["job:stray"][];
  let all: Threads[];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "baton-replacing-"));
    file = join(folder, "file");
    telemetry = new Telemetry("test");
    strays = [];
    telemetry.emit = (event, payload) => {
      if (event === "job:stray") strays.push(payload as TelemetryEvents["job:stray"]);
    };
    all = [];
  });

  afterEach(async () => {
    await Promise.all(all.map((threads) => threads.stop()));
    rmSync(folder, { recursive: true, force: true });
  });

  async function started(size: number, options: Partial<ThreadsOptions> = {}): Promise<Threads> {
    const threads = new Threads({ size, resultLimit: 8_192, telemetry, ...options });
    all.push(threads);
    await threads.start();
    return threads;
  }

  function double(threads: Threads): Promise<Run> {
    return threads.run(claimedJob("double", { int: 21 }), sampleModule("double.js"));
  }

  const runs = (): number => readFileSync(file, "utf8").trim().split("\n").length;

  describe("after a failed import", () => {
    const importing = (threads: Threads) =>
      threads.run(claimedJob("sometimes"), `${testModule("sometimes.js")}?file=${file}`);

    it("so that the next job imports the module anew", async () => {
      const threads = await started(1);
      const { outcome } = await importing(threads);
      expect(valueIn(outcome)).to.include({ name: "UnknownWorkerError" });
      expect(valueIn(outcome)).to.have.property("message").that.includes("sometimes.js");
      expect(valueIn(outcome)).to.have.nested.property("cause.message", "the file is not there yet");
      writeFileSync(file, "");
      expect(valueIn((await importing(threads)).outcome)).to.equal("imported");
    });

    it("and give the reason in the message of the error, which the row keeps", async () => {
      const { outcome } = await importing(await started(1));
      expect(valueIn(outcome)).to.have.property("message").that.includes("Error: the file is not there yet");
      expect(outcome).to.have.property("summary").that.includes("Error: the file is not there yet");
    });

    it("also in a batch, whose jobs all fail", async () => {
      const threads = await started(1);
      const jobs = [claimedJob("sometimes"), claimedJob("sometimes")];
      const url = `${testModule("sometimes.js")}?file=${file}`;
      const failed = await threads.runBatch(jobs, url);
      expect(failed.map(({ outcome }) => outcome.type)).to.deep.equal(["failed", "failed"]);
      writeFileSync(file, "");
      const ran = await threads.runBatch(jobs, url);
      expect(ran.map(({ outcome }) => valueIn(outcome))).to.deep.equal(["imported", "imported"]);
    });
  });

  for (const how of ["exit", "named exit", "memory"] as const) {
    describe(`that an earlier job ends under another, by ${how}`, () => {
      let guilty: number;

      function leave(threads: Threads): Promise<Run> {
        const job = claimedJob("leftover", { file, how });
        guilty = job.id;
        return threads.run(job, testModule("leftover.js"));
      }

      it("and run the other again, in a fresh one", async () => {
        const threads = await started(1, { resourceLimits: SMALL });
        expect(valueIn((await leave(threads)).outcome)).to.equal("done");
        const { outcome } = await threads.run(claimedJob("innocent", { file }), testModule("leftover.js"));
        expect(valueIn(outcome)).to.equal("through");
        expect(runs()).to.equal(2);
        expect(strays).to.have.length(1);
        expect(strays[0]?.id).to.equal(how === "memory" ? null : guilty);
        expect(strays[0]?.error).to.be.instanceOf(ThreadCrashError);
      });

      it("and release the other if they are stopped meanwhile", async () => {
        const threads = await started(1, { resourceLimits: SMALL });
        await leave(threads);
        const run = threads.run(claimedJob("innocent", { file }), testModule("leftover.js"));
        await until(() => strays.length === 1, "its thread to end");
        await threads.stop();
        expect((await run).outcome.type).to.be.oneOf(["released", "completed"]);
      });
    });
  }

  it("that ends under a job for no known reason: after a second run, in a fresh one, the job fails", async () => {
    const threads = await started(2, { resourceLimits: SMALL });
    await Promise.all([double(threads), double(threads)]);
    const { outcome } = await threads.run(claimedJob("memory", { file }), testModule("leftover.js"));
    expect(valueIn(outcome)).to.include({ name: "ThreadCrashError" });
    expect(runs()).to.equal(2);
    expect(valueIn((await double(threads)).outcome)).to.equal(42);
  });

  it("that ends under a batch for no known reason: only the guilty job fails", async () => {
    const threads = await started(1, { resourceLimits: SMALL });
    const url = testModule("leftover.js");
    writeFileSync(file, "");
    const jobs = ["innocent", "memory", "innocent"].map((worker) => claimedJob(worker, { file }));
    const outcomes = (await threads.runBatch(jobs, url)).map(({ outcome }) => outcome);
    expect(outcomes.map(({ type }) => type)).to.deep.equal(["completed", "failed", "released"]);
    expect(valueIn((await double(threads)).outcome)).to.equal(42);
  });

  describe("that is worn out", () => {
    it("by the number of its jobs, between two of them", async () => {
      const threads = await started(1, { maxJobs: 3 });
      const ids: number[] = [];
      for (let count = 0; count < 9; count += 1) ids.push((await double(threads)).threadId);
      expect(ids[0]).to.equal(ids[2]).and.not.equal(ids[3]);
      expect(new Set(ids).size).to.equal(3);
    });

    it("by age, also while it is idle", async () => {
      const threads = await started(1, { maxAge: 100 });
      const first = (await double(threads)).threadId;
      await until(async () => (await double(threads)).threadId !== first, "another thread");
    });

    it("by age, but never under a job", async () => {
      const threads = await started(1, { maxAge: 20 });
      const { outcome, threadId } = await threads.run(claimedJob("burn", { ms: 200 }), sampleModule("burn.js"));
      expect(outcome.type).to.equal("completed");
      expect((await double(threads)).threadId).to.not.equal(threadId);
    });

    it("while jobs wait, and lose none of them", async () => {
      const threads = await started(2, { maxJobs: 1 });
      const ran = await Promise.all(Array.from({ length: 20 }, () => double(threads)));
      expect(ran.map(({ outcome }) => valueIn(outcome))).to.deep.equal(ran.map(() => 42));
      expect(new Set(ran.map(({ threadId }) => threadId)).size).to.equal(20);
    });
  });
});
