import { expect } from "chai";
import { unpack } from "../../lib/codec/codec.js";
import { type Run, Threads } from "../../lib/runner/threads/threads.js";
import type { FailedOutcome, Outcome } from "../../lib/job/outcome.js";
import { Telemetry, type TelemetryEvents } from "../../lib/telemetry.js";
import { claimedJob, sampleModule, testModule, valueIn } from "../support/claimed.js";
import { noise } from "../workers/sizes.js";

describe("a job in a thread", () => {
  const strays: TelemetryEvents["job:stray"][] = [];
  let strayed: () => void = () => {};
  let threads: Threads;
  let thread: number;

  before(async () => {
    const telemetry = new Telemetry("test");
    telemetry.emit = (event, payload) => {
      if (event !== "job:stray") return;
      strays.push(payload as TelemetryEvents["job:stray"]);
      strayed();
    };
    // One thread, so that any damage by one job would show in the next.
    threads = new Threads({ size: 1, resultLimit: 8_192, telemetry });
    await threads.start();
    thread = (await double()).threadId;
  });

  after(() => threads.stop());

  beforeEach(() => {
    strays.length = 0;
  });

  afterEach("goes on in the same thread", async () => {
    const { outcome, threadId } = await double();
    expect(valueIn(outcome)).to.equal(42);
    expect(threadId).to.equal(thread);
  });

  function double(): Promise<Run> {
    return threads.run(claimedJob("double", { int: 21 }), sampleModule("double.js"));
  }

  async function outcomeOf(module: string, worker: string, args: unknown = {}): Promise<Outcome> {
    return (await threads.run(claimedJob(worker, args), testModule(module))).outcome;
  }

  async function failureOf(module: string, worker: string, args: unknown = {}): Promise<FailedOutcome> {
    const outcome = await outcomeOf(module, worker, args);
    if (outcome.type !== "failed") throw new Error(`It came to ${outcome.type}`);
    return outcome;
  }

  describe("that returns", () => {
    const returning = (what: string) => outcomeOf("results.js", "returning", { what });

    it("nothing completes without a value", async () => {
      expect(await returning("nothing")).to.deep.equal({ type: "completed", result: null });
    });

    it("null completes with null, which is a value", async () => {
      const outcome = await returning("null");
      expect(outcome).to.have.nested.property("result.bytes");
      expect(valueIn(outcome)).to.equal(null);
    });

    it("a promise or a thenable completes with what it resolves to", async () => {
      expect(valueIn(await returning("late"))).to.equal("late");
      expect(valueIn(await returning("thenable"))).to.equal("from a thenable");
    });

    it("a value over the limit completes as too large, with its size and the limit", async () => {
      const outcome = await returning("large");
      if (outcome.type !== "too_large") throw new Error(`It came to ${outcome.type}`);
      expect(unpack(outcome.facts?.encoding ?? "", outcome.facts?.bytes ?? Buffer.alloc(0))).to.deep.equal([
        8_201, 8_192,
      ]);
    });

    it("a value is measured by the limit of its worker, if it has one", async () => {
      const of = (worker: string, size: number) => outcomeOf("sizes.js", worker, { size });
      expect((valueIn(await of("roomy", 500_000)) as Buffer).equals(noise(500_000))).to.equal(true);
      expect((valueIn(await of("cramped", 80)) as Buffer).equals(noise(80))).to.equal(true);
      expect(await of("cramped", 200)).to.include({ type: "too_large" });
    });

    it("a value that cannot be encoded fails with its path", async () => {
      const error = valueIn(await returning("functions"));
      expect(error).to.include({ name: "EncodeError", code: "ERR_BATON_ENCODE" });
      expect(error).to.have.property("path").that.includes("callback");
    });

    it("a very deep value fails", async () => {
      expect(valueIn(await returning("deep"))).to.include({ name: "EncodeError" });
    });

    it("a value whose traps throw fails with their error", async () => {
      expect(await returning("proxy"))
        .to.have.property("summary")
        .that.includes("Error: trap");
    });

    it("snooze, cancel or discard is snoozed, cancelled or discarded", async () => {
      const snoozed = await returning("snooze");
      expect(snoozed).to.include({ type: "snoozed", seconds: 7 });
      expect(valueIn(snoozed)).to.equal(7);
      const cancelled = await returning("cancel");
      expect(cancelled).to.include({ type: "cancelled", summary: "Cancelled: not wanted" });
      expect(valueIn(cancelled)).to.equal("not wanted");
      const discarded = await returning("discard");
      expect(discarded).to.include({ type: "discarded", summary: "Discarded: { because: 'of this' }" });
      expect(valueIn(discarded)).to.deep.equal({ because: "of this" });
      expect(await returning("cancel without reason")).to.include({ type: "cancelled", summary: "Cancelled" });
    });

    it("cancel with a reason that cannot be encoded is cancelled, with the error as its reason", async () => {
      for (const what of ["cancel for a function", "cancel for too much"]) {
        const outcome = await returning(what);
        expect(outcome, what).to.include({ type: "cancelled" });
        expect(valueIn(outcome), what).to.include({ name: "EncodeError" });
      }
    });
  });

  describe("that throws", () => {
    it("an error fails with its name, message, stack, code, cause and properties", async () => {
      for (const later of [false, true]) {
        const { error, summary, ...rest } = await failureOf("fail.js", "fail", { what: "error", later });
        expect(rest).to.deep.equal({ type: "failed" });
        expect(summary).to.match(/^OutOfPaperError: Tray 3 is empty\n +at /);
        const thrown = valueIn({ type: "failed", error, summary });
        expect(thrown).to.include({ name: "OutOfPaperError", message: "Tray 3 is empty", code: "PAPER", tray: 3 });
        expect(thrown).to.have.property("stack").that.includes("fail.");
        expect(thrown).to.have.property("cause").that.includes({ name: "TypeError", message: "no sheet" });
      }
    });

    it("anything else fails too: null, undefined, a string, a frozen error, a hostile proxy", async () => {
      const summaries: Record<string, string> = {};
      for (const what of ["null", "undefined", "string", "frozen", "proxy"]) {
        const { error, summary } = await failureOf("fail.js", "fail", { what });
        expect(error.bytes, what).to.be.an.instanceof(Uint8Array);
        summaries[what] = summary.split("\n")[0] ?? "";
      }
      const { proxy, ...others } = summaries;
      // Releases of Node.js show proxies differently.
      expect(proxy).to.contain("Error: behind a proxy");
      expect(others).to.deep.equal({
        null: "null",
        undefined: "undefined",
        string: "just a string",
        frozen: "Error: frozen",
      });
    });

    it("has a summary that jsonb accepts, of at most 4,000 characters", async () => {
      const { summary } = await failureOf("fail.js", "fail", { what: "nul" });
      expect(summary).to.match(/^Error: a \uFFFD and half a \uFFFD pair\n/);
      expect((await failureOf("fail.js", "fail", { what: "long" })).summary).to.have.length(4_000);
    });

    it("a stack overflow fails like any other", async () => {
      expect(valueIn(await failureOf("fail.js", "recurse"))).to.include({ name: "RangeError" });
    });

    it("is retried after the delay of its worker's backoff", async () => {
      expect(await failureOf("fail.js", "backing-off", { backoff: "number" })).to.have.property("backoff", 1_234);
      expect(strays).to.deep.equal([]);
    });

    it("is retried after the default delay if that backoff is invalid, which is reported", async () => {
      for (const backoff of ["nan", "negative", "text", "throws"]) {
        const failed = await failureOf("fail.js", "backing-off", { backoff });
        expect(failed, backoff).to.not.have.property("backoff");
        expect(failed.summary).to.match(/^Error: try later/);
        const stray = strays.pop();
        expect(stray, backoff).to.include({ worker: "backing-off" });
        expect(stray?.error, backoff).to.have.property("message").that.includes("backoff");
      }
    });
  });

  describe("looks for its worker", () => {
    it("in the default export, the named ones, and the properties of a CommonJS module", async () => {
      expect(valueIn(await outcomeOf("common.cjs", "common"))).to.equal("from CommonJS");
    });

    it("and fails, naming worker and module, if the module has no such worker", async () => {
      const failed = await failureOf("fail.js", "nobody");
      expect(valueIn(failed)).to.include({ name: "UnknownWorkerError", code: "ERR_BATON_UNKNOWN_WORKER" });
      expect(failed.summary).to.include('"nobody"').and.include("fail.js").and.include('"recurse"');
    });
  });

  describe("sees", () => {
    it("its row: args and meta parsed, times as Dates, nothing of the claim", async () => {
      const job = claimedJob("inspecting", { a: 1 }, { meta: '{"m":[2]}', tags: ["t"], ref: "r".repeat(22) });
      const { outcome, threadId } = await threads.run(job, testModule("results.js"));
      const { claim: _claim, ref: _ref, suspicion: _suspicion, begun: _begun, awaited: _awaited, ...row } = job;
      const at = new Date(1_700_000_000_000);
      expect(valueIn(outcome)).to.deep.equal({
        job: { ...row, args: { a: 1 }, meta: { m: [2] }, scheduledAt: at, insertedAt: at, attemptedAt: at },
        threadId,
      });
    });

    it("fails rather than crashes if its args are no JSON", async () => {
      const { outcome } = await threads.run(claimedJob("double", {}, { args: "{" }), sampleModule("double.js"));
      expect(valueIn(outcome)).to.include({ name: "SyntaxError" });
    });

    it("nothing of PostgreSQL in its thread", async () => {
      const { loaded } = valueIn(await outcomeOf("stray.js", "looking")) as { loaded: string[] };
      expect(loaded.join("\n")).to.include("node_modules/comlink/");
      expect(loaded.filter((file) => /node_modules\/(pg|pg-\w+|postgres\w*)\//.test(file))).to.deep.equal([]);
    });

    it("a thread of lower priority than the main thread, on Linux", async function () {
      if (process.platform !== "linux") return this.skip();
      const { nice } = valueIn(await outcomeOf("stray.js", "looking")) as { nice: { thread: number; main: number } };
      expect(nice.thread).to.be.greaterThan(nice.main);
    });
  });

  describe("that leaves something behind which throws later", () => {
    for (const what of ["timer", "rejection"]) {
      it(`(a ${what}) does not harm the next job, and is reported with its own`, async () => {
        const leaving = claimedJob("leaving", { what, delay: 5 });
        const next = claimedJob("abortable");
        const stray = new Promise<void>((resolve) => {
          strayed = resolve;
        });
        const left = threads.run(leaving, testModule("stray.js"));
        const running = threads.run(next, testModule("stray.js"));
        expect(valueIn((await left).outcome)).to.equal("done");
        await stray;
        threads.abort(next.id, "it has lived through that");
        expect((await running).outcome).to.include({ type: "completed" });
        expect(strays).to.have.length(1);
        expect(strays[0]).to.include({ id: leaving.id, worker: "leaving" });
        expect(strays[0]?.error).to.have.property("message", `from a ${what}`);
      });

      it(`(a ${what}) fails if it still runs`, async () => {
        const { summary } = await failureOf("stray.js", "waiting", { what });
        expect(summary).to.match(new RegExp(`^Error: from a ${what}\n`));
        expect(strays).to.deep.equal([]);
      });
    }
  });
});
