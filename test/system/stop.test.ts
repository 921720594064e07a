import { expect } from "chai";
import { type Baton, StoppedError } from "../../lib/index.js";
import double from "../../examples/workers/double.js";
import { Gate } from "../support/gate.js";
import { rowOf } from "../support/hosts.js";
import { rejection } from "../support/rejection.js";
import { useSystem } from "../support/system.js";
import { until } from "../support/until.js";
import { gated, stubborn } from "../workers/gated.js";

const QUEUES = { default: 2 };

describe("stop:", () => {
  const { hosts, sql } = useSystem("suite, with resets");

  async function connections(): Promise<number> {
    const { rows } = await sql.query<{ count: number }>(
      "select count(*)::int from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()",
    );
    return rows[0]?.count ?? 0;
  }

  describe("at any time", () => {
    it("twice, one after the other or at once, stops", async () => {
      const baton = await hosts.start({ queues: QUEUES });
      await Promise.all([baton.stop(), baton.stop()]);
      await baton.stop();
      expect(baton.status()).to.include({ state: "stopped", host: null });
    });

    it("before start does nothing, and start works then", async () => {
      const baton = hosts.make({ queues: QUEUES });
      await baton.stop();
      expect(baton.status().state).to.equal("idle");
      await baton.start();
      expect(await baton.call(double.new({ int: 2 }))).to.equal(4);
    });

    it("start twice starts once", async () => {
      const baton = hosts.make({ queues: QUEUES });
      expect(await Promise.all([baton.start(), baton.start()])).to.deep.equal([baton, baton]);
      const { host } = baton.status();
      expect((await baton.start()).status().host).to.equal(host);
    });

    it("start after stop starts another host, which finds the same jobs", async () => {
      const baton = await hosts.start({ queues: QUEUES });
      const relay = await baton.async(double.new({ int: 2 }));
      await baton.await(relay);
      const first = baton.status().host;
      await baton.stop();
      await baton.start();
      expect(baton.status().host).to.be.a("string").and.not.equal(first);
      expect(await baton.await(relay)).to.include({ ok: true, value: 4, via: "reconcile" });
      expect(await baton.call(double.new({ int: 4 }))).to.equal(8);
    });

    it("during start stops it, and start has resolved", async () => {
      const baton = hosts.make({ queues: QUEUES });
      const starting = baton.start();
      await baton.stop();
      expect(await starting).to.equal(baton);
      expect(baton.status()).to.include({ state: "stopped", host: null });
      await until(async () => (await connections()) === 0, "disconnection");
    });

    it("start during stop starts it again", async () => {
      const baton = await hosts.start({ queues: QUEUES });
      const stopping = baton.stop();
      await Promise.all([baton.start(), stopping]);
      expect(baton.status().state).to.equal("started");
      expect(await baton.call(double.new({ int: 4 }))).to.equal(8);
    });

    it("called last stops it, whatever was called before", async () => {
      const baton = hosts.make();
      await Promise.all([baton.start(), baton.stop(), baton.start(), baton.stop()]);
      expect(baton.status().state).to.equal("stopped");
      await Promise.all([baton.stop(), baton.start()]);
      expect(baton.status().state).to.equal("started");
    });

    it("at the end of `await using`", async () => {
      let outer: Baton;
      {
        await using baton = await hosts.start();
        outer = baton;
        expect(baton.status().state).to.equal("started");
      }
      expect(outer.status().state).to.equal("stopped");
    });

    it("closes every connection and removes the host from the table", async () => {
      const baton = await hosts.start({ queues: QUEUES });
      expect((await sql.query("select from baton.hosts")).rowCount).to.equal(1);
      await baton.stop();
      await until(async () => (await connections()) === 0, "disconnection");
      expect((await sql.query("select from baton.hosts")).rowCount).to.equal(0);
    });
  });

  describe("with awaits open", () => {
    it("rejects them with StoppedError; other hosts can await the relays", async () => {
      const [caller, other] = await Promise.all([hosts.start(), hosts.start()]);
      const relay = await caller.async(double.new({ int: 2 }));
      const open = [
        caller.await(relay, Number.POSITIVE_INFINITY),
        caller.awaitMany([relay, relay]),
        caller.call(double.new({ int: 3 })),
      ].map(rejection);
      await until(() => caller.status().relays.awaited === 2, "both jobs to be awaited");
      await caller.stop();
      for (const error of await Promise.all(open)) {
        expect(error).to.be.instanceOf(StoppedError);
        expect(error).to.include({ code: "ERR_BATON_STOPPED" });
      }
      await hosts.start({ queues: QUEUES });
      expect(await other.await(relay, 20_000)).to.include({ ok: true, value: 4 });
    });

    it("first resolves those whose jobs end within the grace period", async () => {
      using gate = new Gate();
      const baton = await hosts.start({ queues: QUEUES });
      const result = baton.call(gated.new({ gate: gate.path }));
      await gate.started();
      const stopped = baton.stop();
      gate.open();
      expect(await result).to.equal("through on attempt 1");
      await stopped;
    });
  });

  describe("with jobs running", () => {
    it("lets them end within the grace period, and claims no more", async () => {
      using gate = new Gate();
      const [caller, host] = await Promise.all([hosts.start(), hosts.start({ queues: QUEUES, threads: 1 })]);
      const relay = await caller.async(gated.new({ gate: gate.path }));
      await gate.started();
      const next = await caller.async(double.new({ int: 1 }));
      const stopped = host.stop();
      gate.open();
      await stopped;
      expect(await caller.await(relay)).to.include({ ok: true, value: "through on attempt 1" });
      expect(await rowOf(caller, next.job.id)).to.include({ state: "available", attempt: 0 });
    });

    for (const [what, worker, last] of [
      ["one that heeds its signal", gated, "abort"],
      ["one that heeds nothing", stubborn, "start"],
    ] as const) {
      it(`over the grace period, ${what} is released without costing an attempt, and run by another host`, async () => {
        using gate = new Gate();
        const caller = await hosts.start();
        const host = await hosts.start({ queues: QUEUES, shutdownGracePeriod: 0 });
        const relay = await caller.async(worker.new({ gate: gate.path }, { maxAttempts: 1 }));
        await gate.started();
        await host.stop();
        expect(gate.events.at(-1)).to.include({ word: last });
        const row = await rowOf(caller, relay.job.id);
        expect(row).to.include({ state: "available", attempt: 0 });
        expect(row.errors).to.deep.equal([]);
        await hosts.start({ queues: QUEUES });
        await gate.started(2);
        gate.open();
        expect(await caller.await(relay, 20_000)).to.include({ ok: true, value: "through on attempt 1" });
      });
    }

    it("releases jobs that it had claimed ahead", async () => {
      using gate = new Gate();
      const caller = await hosts.start();
      const host = await hosts.start({ queues: { default: 100 }, threads: 1 });
      // After short jobs, the host claims ahead.
      await caller.awaitMany(await caller.asyncMany(Array.from({ length: 50 }, (_, int) => double.new({ int }))));
      const held = await caller.async(gated.new({ gate: gate.path }));
      await gate.started();
      const relays = await caller.asyncMany(Array.from({ length: 20 }, (_, int) => double.new({ int })));
      const stopped = host.stop();
      gate.open();
      await stopped;
      expect(await caller.await(held)).to.include({ ok: true });
      const states = new Set<string>();
      for await (const row of caller.jobs({ ids: relays.map(({ job }) => job.id) })) {
        states.add(`${row.state} ${row.attempt}`);
      }
      expect([...states]).to.deep.equal(["available 0"]);
    });

    it("loses no job that is inserted meanwhile", async () => {
      const host = await hosts.start({ queues: QUEUES });
      const caller = await hosts.start();
      const inserts = Array.from({ length: 30 }, (_, int) => host.async(double.new({ int })));
      await host.stop();
      const relays = await Promise.all(inserts);
      await hosts.start({ queues: QUEUES });
      const results = await caller.awaitMany(relays, 20_000);
      expect(results.map((result) => result.ok && result.value)).to.deep.equal(relays.map((_, int) => int * 2));
    });
  });

  describe("in a process of its own", () => {
    it("on SIGTERM, a running job ends, and then the process by itself", async () => {
      using gate = new Gate();
      const [caller, { process }] = await Promise.all([hosts.start(), hosts.spawn({ queues: QUEUES })]);
      const relay = await caller.async(gated.new({ gate: gate.path }));
      await gate.started();
      process.kill("SIGTERM");
      gate.open();
      expect(await caller.await(relay, 20_000)).to.include({ ok: true, value: "through on attempt 1" });
      expect(await process.exited).to.deep.equal({ code: 0, signal: null });
      expect(process.stderr).to.equal("");
    });

    it("on SIGTERM, over the grace period, another host runs the job", async () => {
      using gate = new Gate();
      const [caller, { process }] = await Promise.all([
        hosts.start(),
        hosts.spawn({ queues: QUEUES, shutdownGracePeriod: 0 }),
      ]);
      const relay = await caller.async(gated.new({ gate: gate.path }));
      await gate.started();
      process.kill("SIGTERM");
      expect(await process.exited).to.deep.equal({ code: 0, signal: null });
      await hosts.start({ queues: QUEUES });
      await gate.started(2);
      gate.open();
      expect(await caller.await(relay, 20_000)).to.include({ ok: true, value: "through on attempt 1" });
    });

    it("a caller exits by itself too, whatever it awaited", async () => {
      const [caller, { process }] = await Promise.all([hosts.start(), hosts.spawn()]);
      const relay = await caller.async(double.new({ int: 1 }));
      process.send({ await: relay, options: 1 });
      await process.receive(({ ref }: { ref?: string }) => ref === relay.ref);
      process.send({ stop: true });
      expect(await process.exited).to.deep.equal({ code: 0, signal: null });
    });
  });
});
