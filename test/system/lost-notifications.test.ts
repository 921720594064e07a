import { expect } from "chai";
import { JobNotFoundError } from "../../lib/errors.js";
import type { AwaitResult, Baton } from "../../lib/index.js";
import type { StoredAnswer } from "../../lib/job/answer.js";
import { Engine } from "../../lib/engine/engine.js";
import double from "../../examples/workers/double.js";
import type { FaultyProxy } from "../support/faulty-proxy.js";
import { useSystem } from "../support/system.js";
import { until } from "../support/until.js";

/** ms. Twice what it takes on an idle machine. */
const SOON = 3_000;
const MANY = 100_000;

describe("notifications that vanish without an error", () => {
  const system = useSystem("test");
  const { hosts, sql } = system;
  let proxy: FaultyProxy;
  let caller: Baton;

  beforeEach(async () => {
    const far = await system.openProxy();
    ({ proxy } = far);
    caller = await far.hosts.start();
  });

  async function timed<Result>(work: Promise<Result>): Promise<{ result: Result; ms: number }> {
    const start = performance.now();
    return { result: await work, ms: performance.now() - start };
  }

  /** The number of refs of each lookup that this process makes during `work`. */
  async function lookupsDuring(work: () => Promise<unknown>): Promise<number[]> {
    type Read = (this: Engine, refs: readonly string[]) => Promise<StoredAnswer[]>;
    const engines: { readAnswers: Read; subscribe: Read } = Engine.prototype;
    const { readAnswers, subscribe } = engines;
    const lookups: number[] = [];
    const counted = (read: Read): Read => {
      return function (refs) {
        lookups.push(refs.length);
        return read.call(this, refs);
      };
    };
    Object.assign(engines, { readAnswers: counted(readAnswers), subscribe: counted(subscribe) });
    try {
      await work();
    } finally {
      Object.assign(engines, { readAnswers, subscribe });
    }
    return lookups;
  }

  it("delay a quick job by 1.5 s, and the next ones less: awaits poll until notifications are back", async () => {
    await hosts.start({ queues: { default: 1 } });
    proxy.deaf = true;
    const relay = await caller.async(double.new({ int: 1 }));
    const { result, ms } = await timed(caller.await(relay, 25_000));
    expect(result).to.include({ ok: true, value: 2, via: "reconcile" });
    expect(ms).to.be.below(SOON);
    await until(() => caller.status().notifier === "polling", "the loss to be noticed");
    expect((await timed(caller.call(double.new({ int: 2 })))).ms).to.be.below(1_000);
    proxy.deaf = false;
    await until(() => caller.status().notifier === "notify", "notifications to be back", 25_000);
  });

  it("are made up for by lookups with backoff, and by no notification", async () => {
    const probes: string[] = [];
    await sql.listen(`baton.relay.${caller.status().host}`, (payload) => probes.push(payload));
    const relays = await caller.asyncMany(Array.from({ length: 50 }, (_, int) => double.new({ int })));
    const lookups = await lookupsDuring(async () => {
      const results = await Promise.all(relays.map((relay) => caller.await(relay, 8_500)));
      for (const result of results) expect(result).to.include({ ok: false, error: "timeout" });
    });
    // After 1.5 s, then 3 s, then at a multiple of 5 s, and at the deadline.
    expect(lookups.length).to.be.within(3, 5);
    for (const refs of lookups) expect(refs).to.equal(50);
    expect(probes.length).to.be.at.most(1);
  });

  it("do not hide from a caller that the row of its job is gone", async () => {
    const relay = await caller.async(double.new({ int: 1 }));
    await sql.query("delete from baton.jobs");
    const { result, ms } = await timed(caller.await(relay, Infinity));
    expect(!result.ok && result.error).to.be.instanceOf(JobNotFoundError);
    expect(ms).to.be.below(SOON);
  });

  it("time out none of 100,000 stored results with one deadline", async function () {
    this.timeout(300_000);
    const jobs = Array.from({ length: MANY / 10 }, (_, int) => double.new({ int }));
    const relays = [];
    for (let round = 0; round < 10; round += 1) relays.push(...(await caller.asyncMany(jobs)));
    await sql.query("update baton.jobs set state = 4, finished_at = now(), result = 'o-'");
    const timeouts = (results: readonly AwaitResult[]): number => results.filter(({ ok }) => !ok).length;
    const other = await hosts.start();
    expect(timeouts(await Promise.all(relays.map((relay) => caller.await(relay, 500))))).to.equal(0);
    expect(timeouts(await other.awaitMany(relays, 0))).to.equal(0);
  });
});
