import { getEventListeners } from "node:events";
import { expect } from "chai";
import type { Baton } from "../../../lib/index.js";
import double from "../../../examples/workers/double.js";
import { Gate } from "../../support/gate.js";
import { startWay, WAYS } from "../../support/hosts.js";
import { rejection } from "../../support/rejection.js";
import { useSystem } from "../../support/system.js";
import { until } from "../../support/until.js";
import { fail } from "../../workers/fail.js";
import { gated } from "../../workers/gated.js";
import { flaky } from "../../workers/flaky.js";

for (const way of WAYS) {
  describe(`semantics of time, ${way}:`, () => {
    const { hosts, sql } = useSystem("suite");
    let caller: Baton;

    before(async () => {
      caller = await startWay(way, hosts, { queues: { default: 4 }, threads: 4 });
    });

    afterEach("no await is left open", () => {
      expect(caller.status().relays.awaited).to.equal(0);
    });

    it("3. a timeout is a value, not a throw, and says that the job has not begun, and why", async () => {
      const relay = await caller.async(double.new({ int: 1 }, { queue: "nobody" }));
      const result = await caller.await(relay, 1);
      expect(result).to.deep.equal({
        ok: false,
        error: "timeout",
        reason: "no host serves this queue",
        job: { id: relay.job.id, state: "available", attempt: 0 },
      });
    });

    it("3. a timeout tells state, attempt and host of a running job, which goes on", async () => {
      using gate = new Gate();
      const relay = await caller.async(gated.new({ gate: gate.path }));
      await gate.started();
      const { error, job } = (await caller.await(relay, 1)) as { error?: unknown; job: object };
      expect(error).to.equal("timeout");
      const [host] = await hostIds();
      expect(job).to.deep.equal({ id: relay.job.id, state: "executing", attempt: 1, host });
      gate.open();
      expect(await caller.await(relay)).to.include({ ok: true, value: "through on attempt 1" });
    });

    it("3. a stored result is found at the deadline, and never becomes a timeout", async () => {
      const relay = await caller.async(double.new({ int: 21 }));
      await until(async () => {
        for await (const { state } of caller.jobs({ ids: [relay.job.id] })) return state === "completed";
        return false;
      }, "the job to complete");
      // This caller knows nothing of the job, and has no time to wait.
      const other = await hosts.start();
      expect(await other.await(relay, 0)).to.include({ ok: true, value: 42, via: "reconcile" });
      expect(other.status().relays.awaited).to.equal(0);
    });

    it("3. no listener is left on the signal, whichever way the await ends", async () => {
      const { signal } = new AbortController();
      const relay = await caller.async(double.new({ int: 1 }));
      await caller.await(relay, { signal });
      await caller.await(await caller.async(double.new({ int: 1 }, { queue: "nobody" })), { signal, timeout: 1 });
      expect(getEventListeners(signal, "abort")).to.deep.equal([]);
    });

    it("3. a signal ends the await early: it rejects with the signal's reason, and the job goes on", async () => {
      using gate = new Gate();
      const controller = new AbortController();
      const relay = await caller.async(gated.new({ gate: gate.path }));
      const reason = new Error("the browser went away");
      const aborted = rejection(caller.await(relay, { signal: controller.signal, timeout: Number.POSITIVE_INFINITY }));
      await gate.started();
      controller.abort(reason);
      expect(await aborted).to.equal(reason);
      expect(await rejection(caller.await(relay, { signal: controller.signal }))).to.equal(reason);
      gate.open();
      expect(await caller.await(relay)).to.include({ ok: true });
    });

    it("3. with withRetries, a timeout between two attempts tells the state", async () => {
      const relay = await caller.async(fail.new({ what: "error" }));
      await caller.await(relay);
      const result = await caller.await(relay, { withRetries: true, timeout: 1 });
      expect(result).to.include({ ok: false, error: "timeout" });
      expect(result.job).to.include({ state: "retryable", attempt: 1 });
    });

    it("7. awaitMany keeps order, length and duplicates", async () => {
      const [a, b, c] = await caller.asyncMany([1, 2, 3].map((int) => double.new({ int })));
      if (a === undefined || b === undefined || c === undefined) throw new Error("three relays were to come");
      const results = await caller.awaitMany([c, a, c, b, a]);
      expect(results.map((result) => result.ok && result.value)).to.deep.equal([6, 2, 6, 4, 2]);
    });

    it("7. awaitMany of an empty list is empty", async () => {
      expect(await caller.awaitMany([])).to.deep.equal([]);
      expect(await caller.asyncMany([])).to.deep.equal([]);
    });

    it("7. one deadline for all: finished ones keep their values", async () => {
      using gate = new Gate();
      const relays = await caller.asyncMany([
        double.new({ int: 1 }),
        gated.new({ gate: gate.path }),
        double.new({ int: 3 }),
        double.new({ int: 4 }, { queue: "nobody" }),
      ]);
      await caller.awaitMany([relays[0], relays[2]]);
      await gate.started();
      const results = await caller.awaitMany(relays, 50);
      expect(results.map((result) => (result.ok ? result.value : result.error))).to.deep.equal([
        2,
        "timeout",
        6,
        "timeout",
      ]);
      expect(results.map(({ job }) => job.state)).to.deep.equal(["completed", "executing", "completed", "available"]);
    });

    it("7. awaitMany applies withRetries to all", async () => {
      const relays = await caller.asyncMany([flaky.new({ failures: 1 }), flaky.new({ failures: 0 })]);
      const results = await caller.awaitMany(relays, { withRetries: true, timeout: 20_000 });
      expect(results.map((result) => result.ok && result.value)).to.deep.equal([
        "attempt 2 succeeds",
        "attempt 1 succeeds",
      ]);
    });

    it("3. a timeout beyond the range of timers does not end at once", async () => {
      using gate = new Gate();
      const relay = await caller.async(gated.new({ gate: gate.path }));
      const results = [2 ** 40, Number.POSITIVE_INFINITY].map((timeout) => caller.await(relay, timeout));
      await gate.started();
      gate.open();
      for (const result of await Promise.all(results)) expect(result).to.include({ ok: true });
    });

    async function hostIds(): Promise<string[]> {
      const { rows } = await sql.query<{ id: string }>("select id from baton.hosts");
      return rows.map(({ id }) => id);
    }
  });
}

describe("semantics of time:", () => {
  const { hosts } = useSystem("test");

  it("3. the default is 5,000 ms", async () => {
    const caller = await hosts.start();
    const relay = await caller.async(double.new({ int: 1 }));
    const start = performance.now();
    const result = await caller.await(relay);
    const waited = performance.now() - start;
    expect(result).to.include({ ok: false, error: "timeout" });
    expect(waited).to.be.within(4_990, 20_000);
  });
});
