import { expect } from "chai";
import { type Baton, QuarantinedError } from "../../lib/index.js";
import double from "../../examples/workers/double.js";
import { Gate } from "../support/gate.js";
import { useSystem } from "../support/system.js";
import { fail } from "../workers/fail.js";
import { gated, stubborn } from "../workers/gated.js";
import { poison, whereabouts } from "../workers/poison.js";

const QUEUES = { default: 4 };

describe("jobs that take their process down:", () => {
  const { hosts, sql } = useSystem("suite, with resets");
  let caller: Baton;

  beforeEach(async () => {
    caller = await hosts.start();
  });

  /** Makes retries due, as if their backoff were over. */
  async function makeRetriesDue(): Promise<void> {
    await sql.query("update baton.jobs set scheduled_at = now() where state = 3");
  }

  /** The deaths that count against a job. */
  async function blameOf(id: number): Promise<unknown> {
    const { rows } = await sql.query("select deaths, crashes, alone from baton.jobs where id = $1", [id]);
    return rows[0];
  }

  /**
   * Starts hosts one after another, as a supervisor would, until one
   * survives. Resolves to the number that died.
   */
  async function untilOneLives(settled: Promise<unknown>): Promise<number> {
    for (let deaths = 0; ; deaths += 1) {
      const { process } = await hosts.spawn({ queues: QUEUES, threads: 4 });
      const died = await Promise.race([process.exited.then(() => true), settled.then(() => false)]);
      if (!died) return deaths;
    }
  }

  it("two hosts die with it, then two processes of its own, and it is quarantined; its neighbours complete", async function () {
    this.timeout(120_000);
    using gate = new Gate();
    const neighbours = await caller.asyncMany(
      Array.from({ length: 3 }, (_, at) => gated.new({ gate: gate.path, label: `${at}` })),
    );
    const bad = await caller.async(poison.new({}));
    const ending = caller.await(bad, { timeout: 100_000, withRetries: true });
    const hurrying = setInterval(() => void makeRetriesDue(), 500);
    const deaths = await untilOneLives(ending);
    clearInterval(hurrying);
    const result = await ending;
    if (result.ok) throw new Error("it was to be quarantined");
    expect(result.error).to.be.instanceOf(QuarantinedError);
    expect(result.error)
      .to.have.property("message")
      .that.matches(/worker "poison" took down the process in which it ran alone \(SIGKILL\), 2 times/);
    expect(result.job).to.include({ state: "discarded" });
    expect(deaths, "deaths of hosts").to.equal(2);

    gate.open();
    for (const result of await caller.awaitMany(neighbours, 30_000)) expect(result).to.include({ ok: true });
    for (const { job } of neighbours) {
      expect(await blameOf(job.id), "cleared").to.deep.equal({ deaths: 0, crashes: 0, alone: 0 });
    }
    for await (const row of caller.jobs({ ids: [bad.job.id] })) {
      expect(row).to.include({ state: "discarded", attempt: 4 });
      expect(row.errors.map(({ error }) => error.split(":")[0])).to.deep.equal([
        "HostLostError",
        "HostLostError",
        "ThreadCrashError",
        "QuarantinedError",
      ]);
    }
  });

  it("a job whose hosts are killed from outside four times is healthy: it runs alone, and completes", async function () {
    this.timeout(120_000);
    using gate = new Gate();
    const relay = await caller.async(stubborn.new({ gate: gate.path }, { maxAttempts: 20 }));
    for (let kills = 1; kills <= 4; kills += 1) {
      const { process } = await hosts.spawn({ queues: QUEUES });
      await gate.started(kills);
      process.kill("SIGKILL");
      await process.exited;
    }
    expect(await blameOf(relay.job.id), "the last two lost it while it ran alone").to.include({ alone: 0 });
    await hosts.spawn({ queues: QUEUES });
    await gate.started(5);
    gate.open();
    expect(await caller.await(relay, 30_000)).to.include({ ok: true, value: "through on attempt 5" });
  });

  describe("in a process of its own", () => {
    let host: Baton;

    beforeEach(async () => {
      host = await hosts.start({ queues: { ...QUEUES, suspects: 2 }, shutdownGracePeriod: 0 });
    });

    /** Options of a job that is not due before the test has made it a suspect. */
    const LATER = { queue: "suspects", scheduleIn: 3_600_000 };

    async function suspect(): Promise<void> {
      await sql.query("update baton.jobs set crashes = 1, deaths = 2, scheduled_at = now() where state = 0");
    }

    it("a job runs as it does elsewhere: its value, its error, its thread's crash", async () => {
      const relays = await caller.asyncMany([
        whereabouts.new({}, LATER),
        double.new({ int: 21 }, LATER),
        fail.new({ what: "error" }, LATER),
      ]);
      await suspect();
      const [pid, value, error] = await caller.awaitMany(relays, 25_000);
      expect(pid.ok && pid.value)
        .to.be.a("number")
        .that.does.not.equal(process.pid);
      expect(value).to.include({ ok: true, value: 42 });
      const elsewhere = await caller.await(await caller.async(fail.new({ what: "error" })));
      if (error.ok || elsewhere.ok) throw new Error("it was to fail");
      expect(String(error.error)).to.equal(String(elsewhere.error));
    });

    it("a job is signalled that its host stops, and is released", async () => {
      using gate = new Gate();
      const relay = await caller.async(gated.new({ gate: gate.path }, LATER));
      await suspect();
      await gate.started();
      await host.stop();
      expect(gate.events.at(-1)).to.include({ word: "abort" });
      const [row] = (
        await sql.query("select state, attempt, deaths, crashes from baton.jobs where id = $1", [relay.job.id])
      ).rows;
      expect(row).to.deep.equal({ state: 1, attempt: 0, deaths: 2, crashes: 1 });
    });

    it("a job that ignores its signal is ended with its process, and released", async () => {
      using gate = new Gate();
      const relay = await caller.async(stubborn.new({ gate: gate.path }, LATER));
      await suspect();
      await gate.started();
      await host.stop();
      const [row] = (
        await sql.query("select state, attempt, deaths, crashes from baton.jobs where id = $1", [relay.job.id])
      ).rows;
      expect(row).to.deep.equal({ state: 1, attempt: 0, deaths: 2, crashes: 1 });
    });
  });
});
