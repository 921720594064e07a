import { expect } from "chai";
import type { Baton } from "../../lib/index.js";
import { Engine } from "../../lib/engine/engine.js";
import double from "../../examples/workers/double.js";
import { Gate } from "../support/gate.js";
import { useSystem } from "../support/system.js";
import { until } from "../support/until.js";
import { gated } from "../workers/gated.js";

const JOBS = 60;

describe("several hosts of one queue:", () => {
  const { hosts, sql } = useSystem("test");
  // oxlint-disable-next-line typescript/unbound-method -- applied to the engine it is called on
  const { claim } = Engine.prototype;
  /** The number of claims, by host. */
  let claims: Map<string, number>;

  beforeEach(() => {
    claims = new Map();
    Engine.prototype.claim = function counted(...values) {
      claims.set(this.host, (claims.get(this.host) ?? 0) + 1);
      return claim.apply(this, values);
    };
  });

  afterEach(() => {
    Engine.prototype.claim = claim;
  });

  function total(): number {
    return [...claims.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Starts idle hosts that know each other. */
  async function startHosts(count: number): Promise<Baton[]> {
    const started = await Promise.all(
      Array.from({ length: count }, () => hosts.start({ queues: { default: 1 }, threads: 1 })),
    );
    const caller = await hosts.start();
    // Every host claims for every job until it has seen the others.
    await until(async () => {
      claims.clear();
      for (let int = 0; int < 10; int += 1) await caller.call(double.new({ int }));
      return total() === 10;
    }, "the hosts to know each other");
    return [caller, ...started];
  }

  it("one of them claims a job, however many are idle", async () => {
    const [caller] = (await startHosts(6)) as [Baton];
    claims.clear();
    for (let int = 0; int < JOBS; int += 1) await caller.call(double.new({ int }));
    expect(total() / JOBS).to.be.within(1, 1.5);
  });

  it("a busy host passes the call on to an idle one", async () => {
    const [caller] = (await startHosts(3)) as [Baton];
    using gate = new Gate();
    // The two hosts whose turns come first are busy, whichever they are.
    const busy = await caller.asyncMany([gated.new({ gate: gate.path }), gated.new({ gate: gate.path })]);
    await until(async () => (await executing()) === 2, "both to run");
    const times: number[] = [];
    for (let int = 0; int < 9; int += 1) {
      const started = performance.now();
      expect(await caller.call(double.new({ int }), 20_000)).to.equal(2 * int);
      times.push(performance.now() - started);
    }
    times.sort((a, b) => a - b);
    expect(times[4], "a look, which comes every 800 ms, would take longer").to.be.below(300);
    gate.open();
    await caller.awaitMany(busy);
  });

  it("jobs that a host holds behind a slow one go to an idle host", async () => {
    const busy = await hosts.start({ queues: { default: 1 }, threads: 1 });
    const caller = await hosts.start();
    using gate = new Gate();
    // After quick jobs, the host holds many ahead.
    for (let round = 0; round < 3; round += 1)
      await caller.awaitMany(await caller.asyncMany(Array.from({ length: 20 }, (_, int) => double.new({ int }))));
    const [slow, ...quick] = await caller.asyncMany([
      gated.new({ gate: gate.path }),
      ...Array.from({ length: JOBS }, (_, int) => double.new({ int })),
    ]);
    await gate.started();
    await hosts.start({ queues: { default: 1 }, threads: 1 });
    const results = await caller.awaitMany(quick, 20_000);
    expect(results.map((result) => (result.ok ? result.value : result))).to.deep.equal(
      Array.from({ length: JOBS }, (_, int) => 2 * int),
    );
    expect(busy.status().queues).to.deep.equal([{ queue: "default", running: 1, waiting: 0 }]);
    expect(await attempts()).to.deep.equal([1]);
    gate.open();
    expect(await caller.await(slow)).to.include({ ok: true });
  });

  async function executing(): Promise<number> {
    return (await sql.query("select from baton.jobs where state = 2")).rowCount ?? 0;
  }

  /** The attempts of the completed jobs. */
  async function attempts(): Promise<number[]> {
    const text = "select distinct attempt from baton.jobs where state = 4";
    const { rows } = await sql.query<{ attempt: number }>(text);
    return rows.map(({ attempt }) => attempt);
  }
});
