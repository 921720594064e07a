import { expect } from "chai";
import pg from "pg";
import { ANSWER_KINDS, type Answer, answerWith, bareAnswer } from "../../lib/job/answer.js";
import type { Ending } from "../../lib/engine/ending.js";
import { formatEnvelope } from "../../lib/relay/envelope.js";
import { completed, Engines, registration } from "../support/engines.js";
import { newRow } from "../support/rows.js";
import { until } from "../support/until.js";

function lost(answer: Answer): Ending {
  return { answer, error: "lost" };
}

describe("the engine's services", () => {
  let test: Engines;

  before(async () => {
    test = await Engines.start();
  });

  after(() => test.stop());

  beforeEach(() => test.reset());

  it("stage only jobs that are due, and report queues that have jobs", async () => {
    await test.one.insert([newRow({ scheduleIn: 60_000 }), newRow({ scheduleIn: 60_000, queue: "soon" })]);
    await test.sql.query("update baton.jobs set scheduled_at = now() where queue = 'soon'");
    expect(await test.one.tend(10, ["default", "soon"])).to.deep.include({ staged: 1, queues: [] });
    expect(await test.one.tend(10, ["default", "soon"])).to.deep.include({ staged: 0, queues: ["soon"] });
    await test.settle();
    expect(test.heard).to.deep.equal([{ channel: "baton.insert", payload: "soon" }]);
  });

  it("report each host's sign of life, and whether its session holds its lock", async () => {
    const look = async () => (await test.one.tend(0, [])).hosts.find(({ id }) => id === "two");
    const holder = new pg.Client({ connectionString: test.url });
    await holder.connect();
    await holder.query("select pg_advisory_lock(42)");
    expect(await look()).to.include({ beat: 0, lockKey: null, free: false });
    await test.beat(test.two, "42");
    const seen = await look();
    expect(seen).to.include({ beat: 1, lockKey: "42", free: false });
    expect(await look(), "the same until it shows life again").to.deep.equal(seen);
    await holder.end();
    await until(async () => (await look())?.free, "the lock to be free");
    await test.beat(test.two, "41");
    expect(await look(), "a late heartbeat brings back no earlier lock").to.include({ beat: 2, lockKey: "42" });
  });

  it("report hosts that hold jobs without being registered, and rescue these jobs unless the host registers first", async () => {
    await test.one.insert([newRow()]);
    const { id } = await test.claimOne(test.two);
    await test.sql.query("delete from baton.hosts where id = 'two'");
    expect((await test.one.tend(0, [])).orphans).to.deep.equal(["two"]);
    const loss = await test.lossOf("two");
    await test.two.register(registration("two"));
    const verdict = lost(bareAnswer(ANSWER_KINDS.exhausted));
    expect(await test.one.rescue(loss, verdict), "registered").to.deep.equal({ jobs: 0, discarded: 0, gone: false });
    await test.sql.query("delete from baton.hosts where id = 'two'");
    expect(await test.one.rescue(loss, verdict)).to.deep.equal({ jobs: 1, discarded: 0, gone: false });
    expect(await test.claimOne(test.one)).to.include({ id, attempt: 2 });
  });

  it("leave a host alone that shows life or holds its lock again after a look found it lost", async () => {
    await test.one.insert([newRow()]);
    await test.claimOne(test.two);
    const verdict = lost(bareAnswer(ANSWER_KINDS.exhausted));
    const loss = await test.lossOf("two");
    expect(await test.beat(test.two)).to.equal(true);
    expect(await test.one.rescue(loss, verdict)).to.deep.equal({ jobs: 0, discarded: 0, gone: false });
    await test.beat(test.two, "43");
    await test.sql.query("select pg_advisory_lock(43)");
    const locked = await test.lossOf("two", { unlocked: true });
    expect(await test.one.rescue(locked, verdict)).to.deep.equal({ jobs: 0, discarded: 0, gone: false });
    await test.sql.query("select pg_advisory_unlock(43)");
    expect(await test.one.rescue(locked, verdict)).to.deep.equal({ jobs: 1, discarded: 0, gone: true });
    expect(await test.beat(test.two, "43"), "it learns that it was declared lost").to.equal(false);
  });

  it("leave a host alone that has another lock than a look has seen", async () => {
    await test.one.insert([newRow()]);
    await test.claimOne(test.two);
    await test.beat(test.two, "43");
    const loss = await test.lossOf("two", { unlocked: true });
    await test.sql.query("update baton.hosts set lock_key = 44 where id = 'two'");
    const verdict = lost(bareAnswer(ANSWER_KINDS.exhausted));
    expect(await test.one.rescue(loss, verdict)).to.deep.equal({ jobs: 0, discarded: 0, gone: false });
  });

  it("release what a host still holds by the table when it leaves", async () => {
    await test.one.insert([newRow(), newRow()]);
    await test.two.claim("default", 2, 1);
    await test.settle();
    test.heard = [];
    await test.two.unregister();
    await test.settle();
    expect(test.heard).to.deep.equal([{ channel: "baton.insert", payload: "default" }]);
    const jobs = (await test.one.claim("default", 2)).jobs;
    expect(jobs.map(({ attempt, suspicion }) => ({ attempt, suspicion }))).to.deep.equal([
      { attempt: 1, suspicion: 0 },
      { attempt: 1, suspicion: 0 },
    ]);
  });

  it("rescue jobs that were only held without counting an attempt", async () => {
    await test.one.insert([newRow({ maxAttempts: 1 }), newRow({ maxAttempts: 1 })]);
    await test.two.claim("default", 2, 1);
    const answer = bareAnswer(ANSWER_KINDS.exhausted);
    expect(await test.one.rescue(await test.lossOf("two"), lost(answer))).to.include({ jobs: 2, discarded: 1 });
    expect(await test.claimOne(test.one)).to.include({ attempt: 1, claim: 2, suspicion: 1 });
    const { rows } = await test.sql.query("select id from baton.jobs where errors <> '[]'");
    expect(rows).to.have.length(1);
  });

  it("suspect jobs that were present when hosts died, more so those that had begun, and none if a host only fell silent", async () => {
    await test.one.insert([newRow(), newRow()]);
    const verdict = lost(bareAnswer(ANSWER_KINDS.exhausted));
    const suspicions: number[][] = [];
    for (const died of [false, true, true, true]) {
      const jobs = (await test.two.claim("default", 2, 1)).jobs;
      suspicions.push(jobs.map(({ suspicion }) => suspicion));
      await test.one.rescue(await test.lossOf("two", { died }), verdict);
      await test.two.register(registration("two"));
    }
    expect(suspicions).to.deep.equal([
      [0, 0],
      [0, 0],
      [1, 1],
      [2, 1],
    ]);
    const { rows } = await test.sql.query("select deaths, crashes, state from baton.jobs order by id");
    expect(rows, "one that ran alone is not to blame for its host").to.deep.equal([
      { deaths: 2, crashes: 2, state: 1 },
      { deaths: 3, crashes: 0, state: 1 },
    ]);
  });

  it("count the processes that died with a job alone, and clear a job that came through", async () => {
    await test.one.insert([newRow()]);
    const job = await test.claimOne(test.one);
    await test.sql.query("update baton.jobs set deaths = 2, crashes = 1");
    expect(await test.one.accused(job)).to.equal(0);
    expect(await test.one.accuse(job, 1)).to.equal(1);
    expect(await test.one.accuse(job, 1), "a retry after a lost reply").to.equal(1);
    expect(await test.one.accused(job)).to.equal(1);
    expect(await test.two.accused(job), "not its host").to.equal(null);
    expect(await test.two.accuse(job, 2), "not its host").to.equal(null);
    await test.two.absolve(job);
    await test.one.absolve(job);
    const { rows } = await test.sql.query("select deaths, crashes, alone from baton.jobs");
    expect(rows).to.deep.equal([{ deaths: 0, crashes: 0, alone: 0 }]);
  });

  it("return a lost host's jobs to work, or discard them if no attempt is left, and refuse its late outcomes", async () => {
    const last = newRow({ maxAttempts: 1, replyTo: "one" });
    await test.one.insert([newRow({ maxAttempts: 2 }), last]);
    const jobs = (await test.two.claim("default", 2)).jobs;
    const answer = answerWith(ANSWER_KINDS.exhausted, { encoding: "b", bytes: Buffer.from("lost") });
    expect(await test.one.rescue(await test.lossOf("two"), lost(answer))).to.include({ jobs: 2, discarded: 1 });
    await test.settle();
    expect(test.heard).to.deep.include({ channel: "baton.relay.one", payload: formatEnvelope(last.ref, answer) });
    expect(await test.two.complete(jobs.map((job) => ({ ...job, transition: completed() })))).to.deep.equal([
      false,
      false,
    ]);
    expect(await test.beat(test.two), "it learns that it was declared lost").to.equal(false);
    expect(await test.claimOne(test.one)).to.include({ attempt: 2, claim: 2 });
  });
});
