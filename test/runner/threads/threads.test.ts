import { expect } from "chai";
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { promisify } from "node:util";
import { type Run, Threads, type ThreadsOptions } from "../../../lib/runner/threads/threads.js";
import { Telemetry } from "../../../lib/telemetry.js";
import { claimedJob, sampleModule, testModule, valueIn } from "../../support/claimed.js";
import { signOf } from "../../support/sign.js";

const KILLED = { type: "released" } as const;

describe("Threads", () => {
  let all: Threads[] = [];
  let signs = 0;

  afterEach(async () => {
    await Promise.all(all.map((threads) => threads.stop()));
    all = [];
  });

  async function started(size: number, options: Partial<ThreadsOptions> = {}): Promise<Threads> {
    const threads = new Threads({ size, resultLimit: 8_192, telemetry: new Telemetry("test"), ...options });
    all.push(threads);
    await threads.start();
    return threads;
  }

  function double(threads: Threads, int = 21): Promise<Run> {
    return threads.run(claimedJob("double", { int }), sampleModule("double.js"));
  }

  /** The name of a sign, and when a job gives it. */
  function sign(): { name: string; seen: Promise<void> } {
    signs += 1;
    const name = `pg-baton-test-${signs}`;
    return { name, seen: signOf(name) };
  }

  function allFree(threads: Threads): Promise<void> {
    return new Promise((resolve) => {
      threads.onFree(() => {
        if (threads.free === threads.size) resolve();
      });
    });
  }

  describe("share out jobs", () => {
    it("one per thread, in order of arrival", async () => {
      const threads = await started(2);
      const order: number[] = [];
      const ids = new Set<number>();
      const runs = Array.from({ length: 20 }, async (_, int) => {
        const job = claimedJob("double", { int });
        const { outcome, threadId } = await threads.run(job, sampleModule("double.js"), () => order.push(int));
        ids.add(threadId);
        return valueIn(outcome);
      });
      expect([threads.free, threads.waiting]).to.deep.equal([0, 18]);
      expect(await Promise.all(runs)).to.deep.equal(Array.from({ length: 20 }, (_, int) => int * 2));
      expect(order).to.deep.equal(Array.from({ length: 20 }, (_, int) => int));
      expect(ids.size).to.equal(2);
    });

    it("and call back when a thread is free and no job waits", async () => {
      const threads = await started(1);
      const free: number[] = [];
      threads.onFree(() => free.push(threads.waiting));
      await Promise.all([double(threads), double(threads), double(threads)]);
      expect(free).to.deep.equal([0]);
      expect(threads.free).to.equal(1);
    });

    it("that arrived before the threads were up", async () => {
      const threads = new Threads({ size: 1, resultLimit: 8_192, telemetry: new Telemetry("test") });
      all.push(threads);
      const early = double(threads);
      await threads.start();
      expect(valueIn((await early).outcome)).to.equal(42);
    });

    it("and return the duration and the thread of each", async () => {
      const threads = await started(1);
      const { duration, threadId } = await threads.run(claimedJob("burn", { ms: 20 }), sampleModule("burn.js"));
      expect(duration).to.be.within(20, 10_000);
      expect(threadId).to.be.greaterThan(0);
    });

    it("and return large results whole", async () => {
      const threads = await started(1, { resultLimit: 1_000_000 });
      const value = randomBytes(100_000).toString("hex");
      const { outcome } = await threads.run(claimedJob("echo", { value }), sampleModule("echo.js"));
      expect(valueIn(outcome)).to.equal(value);
    });
  });

  describe("abort a job", () => {
    it("by its signal, with the reason", async () => {
      const threads = await started(1);
      const job = claimedJob("abortable");
      const run = threads.run(job, testModule("stray.js"));
      threads.abort(job.id, "the host stops");
      const { outcome } = await run;
      expect(valueIn(outcome)).to.deep.equal({ name: "AbortError", message: "the host stops" });
    });

    it("but none that waits or comes later", async () => {
      const threads = await started(1);
      const [first, second] = [claimedJob("abortable"), claimedJob("abortable")];
      const runs = [first, second].map((job) => threads.run(job, testModule("stray.js")));
      threads.abort(second.id, "too early");
      threads.abort(first.id, "first");
      expect(valueIn((await runs[0])!.outcome)).to.include({ message: "first" });
      threads.abort(first.id, "too late");
      threads.abort(second.id, "second");
      expect(valueIn((await runs[1])!.outcome)).to.include({ message: "second" });
    });
  });

  describe("kill a job", () => {
    it("in an endless loop, and no other job", async () => {
      const threads = await started(2);
      const { name, seen } = sign();
      const [hanging, neighbour] = [claimedJob("hang", { sign: name }), claimedJob("abortable")];
      const run = threads.run(hanging, testModule("crash.js"));
      const other = threads.run(neighbour, testModule("stray.js"));
      await seen;
      const free = allFree(threads);
      await threads.kill(hanging.id, { type: "too_large" });
      expect(await run).to.deep.include({ outcome: { type: "too_large" }, threadId: -1 });
      threads.abort(neighbour.id, "alive");
      expect(valueIn((await other).outcome)).to.include({ message: "alive" });
      await free;
      expect(valueIn((await double(threads)).outcome)).to.equal(42);
    });

    it("whose import never ends", async () => {
      const threads = await started(1);
      const { name, seen } = sign();
      const job = claimedJob("endless");
      const run = threads.run(job, `${testModule("endless.js")}?sign=${name}`);
      await seen;
      await threads.kill(job.id, KILLED);
      expect((await run).outcome).to.equal(KILLED);
      expect(valueIn((await double(threads)).outcome)).to.equal(42);
    });

    it("in native code, whose thread counts as busy until it has really ended", async () => {
      const threads = await started(2);
      const { name, seen } = sign();
      const job = claimedJob("native", { sign: name, rounds: 500_000 });
      let ended = "";
      const run = threads.run(job, testModule("crash.js")).finally(() => (ended += "run "));
      await seen;
      // When the other thread has done this, the job is in native code.
      for (let count = 0; count < 5; count += 1) await double(threads);
      const free = allFree(threads);
      const kill = threads.kill(job.id, KILLED).finally(() => (ended += "kill "));
      for (let count = 0; count < 5; count += 1) await double(threads);
      expect({ ended, free: threads.free, ending: threads.ending }).to.deep.equal({ ended: "", free: 1, ending: 1 });
      await Promise.all([run, kill]);
      await free;
      expect(threads.ending).to.equal(0);
    });

    it("that has just ended by itself: it keeps its outcome, and the next job gets another thread", async () => {
      const threads = await started(1);
      await double(threads);
      const job = claimedJob("double", { int: 1 });
      const run = threads.run(job, sampleModule("double.js"));
      // The result is in the port before this loop frees the main thread.
      for (const end = performance.now() + 50; performance.now() < end; );
      const next = double(threads);
      await threads.kill(job.id, { type: "too_large" });
      expect(valueIn((await run).outcome)).to.equal(2);
      expect(valueIn((await next).outcome)).to.equal(42);
    });

    it("that waits, which then never starts", async () => {
      const threads = await started(1);
      const [running, waiting] = [claimedJob("abortable"), claimedJob("abortable")];
      const first = threads.run(running, testModule("stray.js"));
      const second = threads.run(waiting, testModule("stray.js"), () => expect.fail("it started"));
      await threads.kill(waiting.id, { type: "too_large" });
      expect((await second).outcome).to.deep.equal({ type: "too_large" });
      threads.abort(running.id, "enough");
      await first;
    });

    it("again and again, and are all free afterwards", async () => {
      const threads = await started(2);
      for (let round = 0; round < 5; round += 1) {
        const jobs = [claimedJob("abortable"), claimedJob("abortable"), claimedJob("abortable")];
        const runs = jobs.map((job) => threads.run(job, testModule("stray.js")));
        // The third starts on a replacement, and is killed at once.
        await Promise.all(jobs.map(({ id }) => threads.kill(id, KILLED)));
        expect((await Promise.all(runs)).map(({ outcome }) => outcome.type)).to.deep.equal(jobs.map(() => "released"));
      }
      expect(valueIn((await double(threads)).outcome)).to.equal(42);
      expect(valueIn((await double(threads)).outcome)).to.equal(42);
    });

    it("that is unknown, without effect", async () => {
      await (await started(1)).kill(-1, KILLED);
    });
  });

  describe("survive a job that", () => {
    it("exits: its attempt fails, its neighbour goes on, the thread is replaced", async () => {
      const threads = await started(2);
      const neighbour = claimedJob("abortable");
      const other = threads.run(neighbour, testModule("stray.js"));
      const { outcome, threadId } = await threads.run(claimedJob("exit"), testModule("crash.js"));
      expect(threadId).to.equal(-1);
      expect(outcome).to.have.property("summary").that.includes('of worker "exit" ended its thread');
      expect(valueIn(outcome)).to.include({ name: "ThreadCrashError", code: "ERR_BATON_THREAD_CRASH" });
      expect(valueIn((await double(threads)).outcome)).to.equal(42);
      threads.abort(neighbour.id, "alive");
      expect(valueIn((await other).outcome)).to.include({ message: "alive" });
    });

    it("exits after it has completed: the next job is released, not blamed", async () => {
      const threads = await started(1);
      const runs = [threads.run(claimedJob("exit-later"), testModule("crash.js")), double(threads), double(threads)];
      const outcomes = (await Promise.all(runs)).map(({ outcome }) => outcome);
      expect(valueIn(outcomes[0]!)).to.equal("done");
      expect(outcomes[1]).to.deep.equal({ type: "released" });
      expect(valueIn(outcomes[2]!)).to.equal(42);
    });

    it("runs out of memory", async () => {
      const threads = await started(1, { resourceLimits: { maxOldGenerationSizeMb: 32 } });
      const { outcome } = await threads.run(claimedJob("fill"), testModule("crash.js"));
      expect(valueIn(outcome)).to.include({ name: "ThreadCrashError" });
      expect(outcome).to.have.property("summary").that.includes("out of memory");
      expect(valueIn((await double(threads)).outcome)).to.equal(42);
    });
  });

  describe("stop", () => {
    it("running and waiting jobs, which are released once the threads have ended", async () => {
      const threads = await started(1);
      const { name, seen } = sign();
      const run = threads.run(claimedJob("hang", { sign: name }), testModule("crash.js"));
      const waiting = double(threads);
      await seen;
      await Promise.all([threads.stop(), threads.stop()]);
      expect((await run).outcome).to.deep.equal({ type: "released" });
      expect((await waiting).outcome).to.deep.equal({ type: "released" });
      expect(threads.free).to.equal(0);
      expect((await double(threads)).outcome).to.deep.equal({ type: "released" });
    });

    it("native code, whose job is released only when it has really ended", async () => {
      const threads = await started(2);
      const { name, seen } = sign();
      let released = false;
      const run = threads
        .run(claimedJob("native", { sign: name, rounds: 500_000 }), testModule("crash.js"))
        .finally(() => (released = true));
      await seen;
      for (let count = 0; count < 5; count += 1) await double(threads);
      const stopping = threads.stop();
      for (let turn = 0; turn < 10; turn += 1) await new Promise(setImmediate);
      expect(released).to.equal(false);
      await stopping;
      expect((await run).outcome).to.deep.equal({ type: "released" });
    });

    it("before, during and after their start", async () => {
      const threads = new Threads({ size: 1, resultLimit: 8_192, telemetry: new Telemetry("test") });
      await threads.stop();
      await threads.start();
      expect((await double(threads)).outcome).to.deep.equal({ type: "released" });
      const others = new Threads({ size: 1, resultLimit: 8_192, telemetry: new Telemetry("test") });
      await Promise.all([others.start(), others.stop()]);
    });
  });

  it("reject with the reason if they cannot start", async () => {
    const telemetry = new Telemetry("test");
    // Less than starts, on Node 20; on Node 24 still enough for V8 to say so instead of
    // ending the process.
    const resourceLimits = { maxOldGenerationSizeMb: 4 };
    const threads = new Threads({ size: 1, resultLimit: 8_192, telemetry, resourceLimits });
    const error: unknown = await threads.start().catch((error: unknown) => error);
    expect(error).to.include({ code: "ERR_WORKER_OUT_OF_MEMORY" });
    expect(telemetry.counts()).to.have.property("service:error");
  });

  it("keep the process alive only while they start or run jobs", async () => {
    const script = `
      import { Threads } from ${JSON.stringify(new URL("../../../lib/runner/threads/threads.js", import.meta.url).href)};
      import { Telemetry } from ${JSON.stringify(new URL("../../../lib/telemetry.js", import.meta.url).href)};
      const threads = new Threads({ size: 2, resultLimit: 8192, telemetry: new Telemetry("test") });
      await threads.start();
      const exit = await threads.run(${JSON.stringify(claimedJob("exit"))}, ${JSON.stringify(testModule("crash.js"))});
      const run = await threads.run(${JSON.stringify(claimedJob("double", { int: 2 }))}, ${JSON.stringify(sampleModule("double.js"))});
      console.log(exit.outcome.type, run.outcome.type);`;
    const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", script], {
      timeout: 20_000,
    });
    expect(stdout).to.equal("failed completed\n");
  });
});
