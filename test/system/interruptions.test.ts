import { expect } from "chai";
import { Baton, InterruptedError, StoppedError } from "../../lib/index.js";
import double from "../../examples/workers/double.js";
import type { FaultyProxy } from "../support/faulty-proxy.js";
import { Gate } from "../support/gate.js";
import { type Hosts, rowOf } from "../support/hosts.js";
import { rejection } from "../support/rejection.js";
import { useSystem } from "../support/system.js";
import { until } from "../support/until.js";
import { captive, gated, parked, stubborn } from "../workers/gated.js";

const HOST = { queues: { default: 2 }, shutdownGracePeriod: 0 };

describe("stop is bounded:", () => {
  const system = useSystem("suite, with resets");
  const { hosts, sql } = system;

  describe("a job in native code", () => {
    it("does not delay it, is released and run by another host; its late outcome is never written", async () => {
      using gate = new Gate();
      const [caller, host] = await Promise.all([hosts.start(), hosts.start(HOST)]);
      const relay = await caller.async(captive.new({ gate: gate.path }, { maxAttempts: 1 }));
      await gate.started();
      await host.stop();
      expect(host.status().threads).to.deep.equal({ size: 1, busy: 1, ending: 1 });
      expect(await rowOf(caller, relay.job.id)).to.include({ state: "available", attempt: 0 });
      await hosts.start(HOST);
      await gate.started(2);
      gate.open();
      expect(await caller.await(relay, 20_000)).to.include({ ok: true, value: "through on attempt 1" });
      await until(() => host.status().threads.ending === 0, "the thread to end");
      expect(gate.events.filter(({ word }) => word === "stop")).to.have.length(1);
      expect(host.status().events).to.not.have.any.keys("claim:lost", "service:error");
    });

    it("lets the same Baton start again meanwhile", async () => {
      using gate = new Gate();
      const baton = await hosts.start(HOST);
      await baton.async(captive.new({ gate: gate.path, label: "first" }));
      await gate.started();
      await baton.stop();
      await baton.start();
      await gate.started(2);
      expect(await baton.call(double.new({ int: 4 }))).to.equal(8);
      gate.open();
    });

    it("keeps its process alive, except for a signal", async () => {
      using gate = new Gate();
      const [caller, { process }] = await Promise.all([hosts.start(), hosts.spawn(HOST)]);
      const relay = await caller.async(captive.new({ gate: gate.path }));
      await gate.started();
      process.kill("SIGTERM");
      await process.receive((message: object) => "stopped" in message);
      expect(await rowOf(caller, relay.job.id)).to.include({ state: "available", attempt: 0 });
      process.kill("SIGTERM");
      expect(await process.exited).to.deep.equal({ code: null, signal: "SIGTERM" });
      gate.open();
    });
  });

  it("a job that sleeps in Atomics.wait is ended and released", async () => {
    using gate = new Gate();
    const [caller, host] = await Promise.all([hosts.start(), hosts.start(HOST)]);
    const relay = await caller.async(parked.new({ gate: gate.path }));
    await gate.started();
    await host.stop();
    expect(host.status().threads.ending).to.equal(0);
    expect(await rowOf(caller, relay.job.id)).to.include({ state: "available", attempt: 0 });
  });

  describe("while the database does not reply", () => {
    let proxy: FaultyProxy;
    let far: Hosts;
    let url: string;

    beforeEach(async () => {
      ({ proxy, hosts: far, url } = await system.openProxy());
    });

    it("with a running job and an insert under way", async () => {
      using gate = new Gate();
      const host = await far.start(HOST);
      await host.async(stubborn.new({ gate: gate.path }));
      await gate.started();
      proxy.swallow();
      const insert = rejection(host.async(double.new({ int: 1 })));
      const begin = performance.now();
      await host.stop();
      // 5 s for the database, 1 s for the threads, 2 s for the
      // connections; the rest for slow machines.
      expect(performance.now() - begin).to.be.below(14_000);
      expect(await insert).to.be.instanceOf(Error);
    });

    it("during start, which then rejects", async () => {
      proxy.swallow();
      // Connecting has no time limit.
      const connection = { connectionString: url, connectionTimeoutMillis: 0 };
      const baton = new Baton({ ...HOST, connection, workers: [double] });
      const starting = rejection(baton.start());
      await baton.stop();
      expect(await starting).to.be.instanceOf(StoppedError);
      expect(baton.status()).to.include({ state: "idle", host: null });
      proxy.heal();
      await baton.start();
      expect(await baton.call(double.new({ int: 4 }))).to.equal(8);
      await baton.stop();
    });

    it("during a start that waits for a lock, which then rejects with StoppedError", async () => {
      await hosts.start();
      // A step that is repeatable, and has to wait.
      await sql.query("delete from baton.additions where step = 4");
      await sql.query("begin; lock table baton.jobs in access share mode");
      try {
        const baton = hosts.make(HOST);
        const starting = rejection(baton.start());
        await baton.stop();
        expect(await starting).to.be.instanceOf(StoppedError);
      } finally {
        await sql.query("rollback");
      }
    });
  });

  describe("an interrupted job", () => {
    async function interrupt(gate: Gate, run: number): Promise<void> {
      const host = await hosts.start(HOST);
      await gate.started(run);
      await host.stop();
    }

    it("loses no attempt for four stops in a row, one for each from the fifth on, and is discarded after the last", async () => {
      using gate = new Gate();
      const caller = await hosts.start();
      const relay = await caller.async(stubborn.new({ gate: gate.path }, { maxAttempts: 2 }));
      const result = caller.await(relay, { timeout: 60_000, withRetries: true });
      for (let run = 1; run <= 4; run += 1) await interrupt(gate, run);
      expect(await rowOf(caller, relay.job.id)).to.deep.include({ state: "available", attempt: 0, errors: [] });
      await interrupt(gate, 5);
      const row = await rowOf(caller, relay.job.id);
      expect(row).to.include({ state: "available", attempt: 1 });
      expect(row.errors[0]?.error).to.include("interrupted this job 5 times");
      await interrupt(gate, 6);
      expect(await rowOf(caller, relay.job.id)).to.include({ state: "discarded", attempt: 2 });
      const { ok, error } = (await result) as { ok: boolean; error?: unknown };
      expect(ok).to.equal(false);
      expect(error).to.be.instanceOf(InterruptedError).and.include({ code: "ERR_BATON_INTERRUPTED" });
    });

    it("starts over once an attempt has ended", async () => {
      using gate = new Gate();
      const caller = await hosts.start();
      const relay = await caller.async(gated.new({ gate: gate.path }));
      await interrupt(gate, 1);
      const interruptions = async (): Promise<unknown> =>
        (await sql.query("select interruptions from baton.jobs where id = $1", [relay.job.id])).rows[0];
      expect(await interruptions()).to.deep.equal({ interruptions: 1 });
      await hosts.start(HOST);
      await gate.started(2);
      gate.open();
      await caller.await(relay, 20_000);
      expect(await interruptions()).to.deep.equal({ interruptions: 0 });
    });
  });
});
