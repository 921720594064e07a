import { expect } from "chai";
import { type AwaitResult, type Baton, DecodeError, JobNotFoundError } from "../../../lib/index.js";
import double from "../../../examples/workers/double.js";
import echo from "../../../examples/workers/echo.js";
import { startWay, WAYS } from "../../support/hosts.js";
import { rejection } from "../../support/rejection.js";
import { useSystem } from "../../support/system.js";
import { exit } from "../../workers/crash.js";
import { fail } from "../../workers/fail.js";
import { bytes, drowsy, flaky } from "../../workers/flaky.js";
import { broken, misplaced } from "../../workers/lost.js";
import { returning } from "../../workers/results.js";

for (const way of WAYS) {
  describe(`semantics of outcomes, ${way}:`, () => {
    const { hosts, sql } = useSystem("suite");
    let caller: Baton;

    before(async () => {
      caller = await startWay(way, hosts, { queues: { default: 4 } });
    });

    async function outcomeOf(what: string): Promise<AwaitResult> {
      return caller.await(await caller.async(returning.new({ what })));
    }

    function errorOf(result: AwaitResult): Error & { readonly [key: string]: unknown } {
      expect(result).to.have.property("error").that.is.an("error");
      return (result as unknown as { error: Error & { readonly [key: string]: unknown } }).error;
    }

    describe("4.", () => {
      it("perform returns nothing: ok, undefined", async () => {
        const result = await outcomeOf("nothing");
        expect(result).to.include({ ok: true, value: undefined });
        expect(result.job).to.include({ state: "completed" });
      });

      it("perform returns null: ok, null, which is not nothing", async () => {
        expect(await outcomeOf("null")).to.include({ ok: true, value: null });
      });

      it("perform resolves later: that value", async () => {
        expect(await outcomeOf("late")).to.include({ ok: true, value: "late" });
      });

      it("perform throws: its error, with name, message, code, cause and properties", async () => {
        const error = errorOf(await caller.await(await caller.async(fail.new({ what: "error" }))));
        expect(error).to.include({ name: "OutOfPaperError", message: "Tray 3 is empty", code: "PAPER", tray: 3 });
        expect(error).to.have.nested.property("cause.message", "no sheet");
        expect(error.cause).to.be.instanceOf(TypeError);
        expect(error.stack).to.include("fail.");
      });

      for (const [what, says] of [
        ["null", "null"],
        ["undefined", "undefined"],
        ["string", "just a string"],
      ] as const) {
        it(`perform throws a value that is no error (${what}): an Error that says so`, async () => {
          const error = errorOf(await caller.await(await caller.async(fail.new({ what }))));
          expect(error.message).to.include(says);
        });
      }

      it("perform ends its thread: an Error that says so, and the host goes on", async () => {
        const result = await caller.await(await caller.async(exit.new({}, { maxAttempts: 1 })));
        expect(errorOf(result)).to.include({ name: "ThreadCrashError", code: "ERR_BATON_THREAD_CRASH" });
        expect(result.job).to.include({ id: result.job.id, state: "discarded" });
        expect(await caller.call(double.new({ int: 4 }))).to.equal(8);
      });

      it("perform returns discard: discarded, with its reason", async () => {
        const result = await outcomeOf("discard");
        expect(result).to.deep.include({ ok: false, error: "discarded", reason: { because: "of this" } });
        expect(result.job).to.include({ state: "discarded" });
      });

      it("perform returns cancel: cancelled, with its reason or without", async () => {
        expect(await outcomeOf("cancel")).to.include({ ok: false, error: "cancelled", reason: "not wanted" });
        expect(await outcomeOf("cancel without reason")).to.include({
          ok: false,
          error: "cancelled",
          reason: undefined,
        });
      });

      it("perform returns snooze: snoozed, with its seconds", async () => {
        const result = await outcomeOf("snooze");
        expect(result).to.include({ ok: false, error: "snoozed", seconds: 7 });
        expect(result.job).to.include({ state: "scheduled" });
      });
    });

    describe("9.", () => {
      it("the first outcome by default; a retry that later succeeds changes nothing for that awaiter", async () => {
        const relay = await caller.async(flaky.new({ failures: 1 }));
        const first = await caller.await(relay);
        expect(errorOf(first).message).to.equal("attempt 1 fails");
        expect(first.job).to.include({ state: "retryable" });
        const final = await caller.await(relay, { withRetries: true, timeout: 20_000 });
        expect(final).to.include({ ok: true, value: "attempt 2 succeeds" });
        const again = await caller.await(relay);
        expect(errorOf(again).message).to.equal("attempt 1 fails");
      });

      it("with withRetries the final one, through snoozes too", async () => {
        const relays = await caller.asyncMany([
          flaky.new({ failures: 2 }),
          flaky.new({ failures: 5 }, { maxAttempts: 2 }),
          drowsy.new({}),
        ]);
        const [success, failure, snoozed] = await caller.awaitMany(relays, { withRetries: true, timeout: 25_000 });
        expect(success).to.include({ ok: true, value: "attempt 3 succeeds" });
        expect(errorOf(failure).message).to.equal("attempt 2 fails");
        expect(failure.job).to.include({ state: "discarded" });
        expect(snoozed).to.include({ ok: true, value: 1 });
      });
    });

    describe("10.", () => {
      it("a result that cannot be encoded fails the attempt, and the error names the path in the value", async () => {
        const error = errorOf(await outcomeOf("functions"));
        expect(error).to.include({ name: "EncodeError", code: "ERR_BATON_ENCODE", path: "$.rows[0].callback" });
        expect(error.message).to.include("$.rows[0].callback").and.include("function");
      });

      it("a result that is too deep does too, and the thread survives", async () => {
        expect(errorOf(await outcomeOf("deep"))).to.include({ name: "EncodeError" });
        expect(await caller.call(double.new({ int: 4 }))).to.equal(8);
      });
    });

    describe("11.", () => {
      it("a result that the awaiting side cannot decode is an Error in its result", async () => {
        const relay = await caller.async(echo.new({ value: 1 }));
        await caller.await(relay);
        await sql.query("update baton.jobs set result = convert_to('vb', 'UTF8') || '\\xdeadbeef' where id = $1", [
          relay.job.id,
        ]);
        const other = await hosts.start();
        expect(errorOf(await other.await(relay))).to.be.instanceOf(DecodeError);
        expect(await other.await(await other.async(double.new({ int: 1 })))).to.include({ ok: true, value: 2 });
      });

      it("an error of a class that the awaiting side did not register is an Error with its name", async () => {
        const error = errorOf(await caller.await(await caller.async(fail.new({ what: "error" }))));
        expect(error.constructor).to.equal(Error);
        expect(error.name).to.equal("OutOfPaperError");
      });

      it("an error of a registered class is of that class", async () => {
        class OutOfPaperError extends Error {}
        const knowing = await hosts.start({ errors: [OutOfPaperError] });
        const error = errorOf(await knowing.await(await knowing.async(fail.new({ what: "error" }))));
        expect(error).to.be.instanceOf(OutOfPaperError);
        expect(error).to.include({ message: "Tray 3 is empty", tray: 3 });
      });
    });

    describe("12.", () => {
      it("a job of a worker that no host has waits for a host with that worker", async () => {
        const nobody = { ...double.new({ int: 1 }), worker: "nobody" };
        const result = await caller.await(await caller.async(nobody), 1_500);
        expect(result).to.include({ ok: false });
        expect(result.job).to.include({ state: "available", attempt: 0 });
      });

      it("a job whose module cannot be imported fails, and the error names worker, module and cause", async () => {
        const error = errorOf(await caller.await(await caller.async(broken.new())));
        expect(error).to.include({ name: "UnknownWorkerError", worker: "broken" });
        expect(error.message).to.include("broken.js");
        expect(error).to.have.nested.property("cause.message", "this module does not import");
      });

      it("a job whose module lacks the worker fails, the error names both, and the thread survives", async () => {
        const error = errorOf(await caller.await(await caller.async(misplaced.new())));
        expect(error.message).to.include('"misplaced"').and.include("flaky.js");
        expect(await caller.call(double.new({ int: 4 }))).to.equal(8);
      });
    });

    it("call throws what await returns, typed", async () => {
      const thrown = async (what: string): Promise<unknown> => rejection(caller.call(returning.new({ what })));
      expect(await thrown("discard")).to.deep.include({
        name: "JobDiscardedError",
        code: "ERR_BATON_JOB_DISCARDED",
        reason: { because: "of this" },
      });
      expect(await thrown("cancel")).to.include({ name: "JobCancelledError", reason: "not wanted" });
      expect(await thrown("snooze")).to.include({ name: "JobSnoozedError", seconds: 7 });
      const tooLarge = await rejection(caller.call(bytes.new({ size: 10_000 })));
      expect(tooLarge).to.include({ name: "ResultTooLargeError", limit: 8_192 });
      expect((tooLarge as Error).message)
        .to.include("of 10,")
        .and.include("of 8,192 bytes compressed");
      expect(await thrown("functions")).to.include({ name: "EncodeError" });
    });

    it("a job whose row is gone is an Error that says so, at once", async () => {
      const relay = { ...(await caller.async(double.new({ int: 1 }))), ref: "A".repeat(22) };
      expect(errorOf(await caller.await(relay, Number.POSITIVE_INFINITY))).to.be.instanceOf(JobNotFoundError);
    });
  });
}
