import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import { type Embedded, startEmbedded } from "../../lib/embedded.js";
import type { Baton } from "../../lib/index.js";
import double from "../../examples/workers/double.js";
import { freeze, thaw } from "../support/frozen.js";
import { Gate } from "../support/gate.js";
import { statusOf } from "../support/hosts.js";
import { print } from "../support/print.js";
import type { NodeProcess } from "../support/process.js";
import { useSystem } from "../support/system.js";
import { until } from "../support/until.js";
import { gated, stubborn } from "../workers/gated.js";

const QUEUES = { default: 2 };
/** ms in which hosts would judge each other by the silence. */
const AFTERMATH = 9_000;

describe("a silent database", function () {
  this.timeout(120_000);
  let server: Embedded;
  let caller: Baton;
  let processes: NodeProcess[];
  const { hosts, sql } = useSystem("suite, with resets", async () => {
    server = await startEmbedded({ fsync: false });
    return { url: server.url, drop: () => server.remove() };
  });

  beforeEach(async () => {
    caller = await hosts.start();
    processes = (await Promise.all([1, 2, 3].map(() => hosts.spawn({ queues: QUEUES })))).map(({ process }) => process);
  });

  /** The number of such events on all hosts. */
  async function happened(event: "rescue" | "host:lost" | "claim:lost" | "claim:stray"): Promise<number> {
    return (await Promise.all(processes.map(statusOf))).reduce((sum, { events }) => sum + (events[event] ?? 0), 0);
  }

  async function idleRows(): Promise<number> {
    return (await sql.query("select from baton.jobs where state = 2")).rowCount ?? 0;
  }

  /**
   * Runs six jobs on three hosts during `trouble`. Each must run once, and
   * no host be declared lost.
   */
  async function endure(trouble: () => Promise<void>): Promise<void> {
    using gate = new Gate();
    const relays = await caller.asyncMany(
      Array.from({ length: 6 }, (_, at) => (at % 2 === 0 ? gated : stubborn).new({ gate: gate.path })),
    );
    await gate.started(6);
    await trouble();
    await sleep(AFTERMATH);
    expect(await happened("rescue"), "rescues").to.equal(0);
    expect(await happened("host:lost"), "hosts declared lost").to.equal(0);
    gate.open();
    const results = await caller.awaitMany(relays, { timeout: 40_000, withRetries: true });
    for (const result of results) expect(result).to.include({ ok: true, value: "through on attempt 1" });
    expect(gate.starts).to.have.length(6);
    const { rows } = await sql.query("select distinct attempt, crashes, deaths from baton.jobs");
    expect(rows).to.deep.equal([{ attempt: 1, crashes: 0, deaths: 0 }]);
    await until(async () => (await idleRows()) === 0, "no row to be executing");
  }

  it("that is stopped for 20 s makes no host lost: each job runs once", () =>
    endure(async () => {
      freeze(server);
      await sleep(20_000);
      thaw(server);
    }));

  for (const [table, mode] of [
    ["jobs", "share"],
    ["hosts", "access exclusive"],
  ] as const) {
    it(`whose table ${table} is locked (${mode}) for 18 s makes no host lost: each job runs once`, () =>
      endure(async () => {
        await sql.query(`begin; lock table baton.${table} in ${mode} mode`);
        await sleep(18_000);
        await sql.query("commit");
      }));
  }

  it("whose clock steps by an hour, either way, makes no host lost", () =>
    endure(async () => {
      for (const step of ["- interval '1 hour'", "+ interval '1 hour'"]) {
        await sql.query(`update baton.hosts set seen_at = now() ${step}`);
        await sleep(2_000);
      }
    }));

  it("delays the rescue of a host that dies meanwhile by no more than some seconds", async () => {
    using gate = new Gate();
    const relays = await caller.asyncMany(
      Array.from({ length: 6 }, () => stubborn.new({ gate: gate.path }, { maxAttempts: 2 })),
    );
    await gate.started(6);
    freeze(server);
    await sleep(3_000);
    processes[0]?.kill("SIGKILL");
    processes.shift();
    await sleep(9_000);
    thaw(server);
    const back = performance.now();
    await until(async () => (await happened("rescue")) > 0, "its jobs to be rescued", 30_000);
    print(`rescued ${Math.round(performance.now() - back)} ms after the database was back`);
    gate.open();
    const results = await caller.awaitMany(relays, { timeout: 40_000, withRetries: true });
    for (const result of results) expect(result).to.include({ ok: true });
    expect(gate.starts).to.have.length(8);
    expect(await happened("host:lost")).to.equal(0);
  });

  it("whose jobs are locked for 33 s, as by an index build, strands no job", async () => {
    using gate = new Gate();
    const running = await caller.asyncMany(Array.from({ length: 6 }, () => gated.new({ gate: gate.path })));
    await gate.started(6);
    const waiting = await caller.asyncMany(Array.from({ length: 30 }, (_, int) => double.new({ int })));
    await sql.query("begin; lock table baton.jobs in share mode");
    // Threads become free, and hosts send claims that the server can only commit after the lock.
    gate.open();
    await sleep(33_000);
    await sql.query("commit");
    const results = await caller.awaitMany([...running, ...waiting], { timeout: 40_000, withRetries: true });
    expect(results.filter(({ ok }) => !ok)).to.deep.equal([]);
    await until(async () => (await idleRows()) === 0, "no row to be executing", 10_000);
    const { rows } = await sql.query("select distinct attempt, state from baton.jobs");
    expect(rows).to.deep.equal([{ attempt: 1, state: 4 }]);
    print(`${await happened("claim:stray")} claims were found by comparison alone`);
  });

  it("commits a claim after its host has given it up: the host finds the stray, and releases it", async () => {
    const { host } = await statusOf(processes[0] as NodeProcess);
    const stray = await caller.async(double.new({ int: 1 }, { queue: "default", scheduleIn: 3_600_000 }));
    await sql.query(
      "update baton.jobs set state = 2, claim = 7, attempt = 1, attempted_at = now(), attempted_by = $1",
      [host],
    );
    expect(await caller.await(stray, 20_000)).to.include({ ok: true, value: 2 });
    expect(await happened("claim:stray")).to.equal(1);
    const { rows } = await sql.query("select attempt, claim from baton.jobs");
    expect(rows).to.deep.equal([{ attempt: 1, claim: 8 }]);
  });
});
