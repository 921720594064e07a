import { expect } from "chai";
import type { Baton, Relay } from "../../../lib/index.js";
import double from "../../../examples/workers/double.js";
import echo from "../../../examples/workers/echo.js";
import { Gate } from "../../support/gate.js";
import { startWay, WAYS } from "../../support/hosts.js";
import { useSystem } from "../../support/system.js";
import { until } from "../../support/until.js";
import type { Reply } from "../processes/host.js";
import { gated } from "../../workers/gated.js";

const VALUE = { text: "ü", list: [1, null, { deep: true }], number: -1.5 };

for (const way of WAYS) {
  describe(`semantics of delivery, ${way}:`, () => {
    const { hosts, sql } = useSystem("suite");
    let caller: Baton;

    before(async () => {
      caller = await startWay(way, hosts, { queues: { default: 4 } });
    });

    it("1. async commits the job before it resolves", async () => {
      const relay = await caller.async(echo.new({ value: 1 }, { queue: "nobody" }));
      const { rows } = await sql.query("select worker, queue, args, state from baton.jobs where id = $1", [
        relay.job.id,
      ]);
      expect(rows).to.deep.equal([{ worker: "echo", queue: "nobody", args: { value: 1 }, state: 1 }]);
    });

    it("1. any host of the queue can run it, and the caller need not", async () => {
      const result = await caller.await(await caller.async(double.new({ int: 21 })));
      expect(result).to.include({ ok: true, value: 42 });
      const { rows } = await sql.query("select attempted_by from baton.jobs where id = $1", [result.job.id]);
      expect(rows[0].attempted_by === caller.status().host).to.equal(way === "same process");
    });

    it("2. await before, during and after completion gives the same value", async () => {
      using gate = new Gate();
      const relay = await caller.async(gated.new({ gate: gate.path }));
      const before = caller.await(relay);
      await gate.started();
      const during = caller.await(relay);
      gate.open();
      const [first, second] = await Promise.all([before, during]);
      const third = await caller.await(relay);
      const fourth = await caller.await(relay, 0);
      for (const result of [first, second, third, fourth]) {
        expect(result).to.include({ ok: true, value: "through on attempt 1" });
      }
    });

    it("2. two awaits of one relay share no objects", async () => {
      const relay = await caller.async(echo.new({ value: VALUE }));
      const [one, other] = await Promise.all([caller.await(relay), caller.await(relay)]);
      expect(one).to.have.deep.property("value", VALUE);
      expect(other).to.have.deep.property("value", VALUE);
      if (one.ok && other.ok) expect(one.value).not.to.equal(other.value);
    });

    it("2. a relay survives JSON, and a third instance can await it during and after the job", async () => {
      using gate = new Gate();
      const third = await hosts.start();
      const relay = await caller.async(gated.new({ gate: gate.path }));
      const parsed = JSON.parse(JSON.stringify(relay)) as Relay;
      expect(parsed).to.deep.equal(relay);
      await gate.started();
      const during = third.await(parsed);
      gate.open();
      const late = await hosts.start();
      for (const result of [await during, await third.await(parsed), await late.await(parsed)]) {
        expect(result).to.include({ ok: true, value: "through on attempt 1" });
      }
    });

    it("2. a third process can await it, also long after the job is done", async () => {
      const { process } = await hosts.spawn();
      const relay = await caller.async(echo.new({ value: VALUE }));
      await caller.await(relay);
      process.send({ await: relay });
      const reply = await process.receive<Reply>(({ ref }) => ref === relay.ref);
      expect(reply).to.deep.include({ ok: true, value: VALUE, via: "reconcile" });
    });

    it("2. an await that begins elsewhere before the job ends is notified", async () => {
      using gate = new Gate();
      const third = await hosts.start();
      const relay = await caller.async(gated.new({ gate: gate.path }));
      const result = third.await(relay, 20_000);
      const told = "select from baton.jobs where id = $1 and $2 = any(reply_to)";
      await until(
        async () => (await sql.query(told, [relay.job.id, third.status().host])).rowCount === 1,
        "subscription",
      );
      gate.open();
      expect(await result).to.include({ ok: true, via: "notify" });
    });

    it("6. a result is the same whichever way it arrived", async () => {
      const relay = await caller.async(echo.new({ value: VALUE }));
      const here = await caller.await(relay);
      const elsewhere = await (await hosts.start()).await(relay);
      expect(here).to.have.deep.property("value", VALUE);
      expect(elsewhere).to.have.deep.property("value", VALUE);
      expect(here.via).to.equal(way === "same process" ? "local" : "notify");
      expect(elsewhere.via).to.equal("reconcile");
    });

    it("8. results need nothing but PostgreSQL: no process listens on a port", async () => {
      const { rows } = await sql.query<{ name: string }>("select name from baton.hosts");
      expect(rows).to.have.length(1);
      expect(process.getActiveResourcesInfo().filter((resource) => resource === "TCPServerWrap")).to.deep.equal([]);
    });

    it("13. of a hundred jobs at a time, each await gets one result and each row is finished once", async () => {
      const relays = await caller.asyncMany(Array.from({ length: 100 }, (_, int) => double.new({ int })));
      const results = await caller.awaitMany([...relays, ...relays], 20_000);
      expect(results.map((result) => result.ok && result.value)).to.deep.equal(
        [...relays, ...relays].map((_, index) => (index % 100) * 2),
      );
      const { rows } = await sql.query(
        "select count(*)::int as jobs, min(claim) as claims, max(attempt) as attempts from baton.jobs where id = any($1) and state = 4",
        [relays.map(({ job }) => job.id)],
      );
      expect(rows).to.deep.equal([{ jobs: 100, claims: 1, attempts: 1 }]);
    });

    it("leaves no open await", () => {
      expect(caller.status().relays.awaited).to.equal(0);
    });
  });
}
