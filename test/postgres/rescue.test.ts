import { expect } from "chai";
import pg from "pg";
import { ANSWER_KINDS, type Answer, answerWith, bareAnswer } from "../../lib/job/answer.js";
import type { Judgement, Verdict } from "../../lib/postgres/engine.js";
import { formatEnvelope } from "../../lib/relay/envelope.js";
import { completed, Engines, valueOf } from "../support/engines.js";
import { newRow } from "../support/rows.js";
import { until } from "../support/until.js";

/** Nobody is given time to come back. */
const NOW: Judgement = { lease: 0, grace: 0, since: 1e12, patientGrace: 1e12 };

function lost(answer: Answer): Verdict {
  return { answer, error: "lost" };
}

describe("the engine's services", () => {
  let test: Engines;

  before(async () => {
    test = await Engines.start();
  });

  after(() => test.stop());

  beforeEach(() => test.reset());

  /** Who is lost, by that judgement. */
  async function lostBy(judgement: Partial<Judgement>): Promise<readonly string[]> {
    return (await test.one.tend({ ...NOW, ...judgement }, 10, [])).lost;
  }

  it("stage what is due, and nothing else; and tell of queues that have jobs", async () => {
    await test.one.insert([newRow({ scheduleIn: 60_000 }), newRow({ scheduleIn: 60_000, queue: "soon" })]);
    await test.sql.query("update baton.jobs set scheduled_at = now() where queue = 'soon'");
    const judgement = { ...NOW, lease: 15_000 };
    expect(await test.one.tend(judgement, 10, ["default", "soon"])).to.deep.include({ staged: 1, queues: [] });
    expect(await test.one.tend(judgement, 10, ["default", "soon"])).to.deep.include({ staged: 0, queues: ["soon"] });
    await test.settle();
    expect(test.heard).to.deep.equal([{ channel: "baton.insert", payload: "soon" }]);
  });

  it("find a host lost by its lease, by its session's lock at two looks, and one that holds jobs unregistered", async () => {
    const holder = new pg.Client({ connectionString: test.url });
    await holder.connect();
    await holder.query("select pg_advisory_lock(42)");
    await test.two.heartbeat("42");
    expect(await lostBy({ lease: 15_000, grace: 0 }), "its session lives").to.deep.equal([]);
    await holder.end();
    await until(
      async () => (await test.sql.query("select from pg_locks where locktype = 'advisory'")).rowCount === 0,
      "the lock to be free",
    );
    expect(await lostBy({ lease: 15_000, grace: 0 }), "the first look only suspects").to.deep.equal([]);
    expect(await lostBy({ lease: 15_000, grace: 60_000 }), "too soon for the second").to.deep.equal([]);
    expect(await lostBy({ lease: 15_000, grace: 0 })).to.deep.equal(["two"]);
    await test.two.heartbeat(null);
    expect(await lostBy({ lease: 15_000, grace: 0 }), "it showed life").to.deep.equal([]);
    expect(await lostBy({ lease: 0, grace: 0 }), "its lease is over").to.deep.equal(["two"]);
    await test.one.insert([newRow()]);
    await test.claimOne(test.two);
    await test.sql.query("delete from baton.hosts where id = 'two'");
    expect(await lostBy({ lease: 15_000, grace: 0 }), "it holds a job").to.deep.equal(["two"]);
  });

  it("do not take two short gaps for a long one: a lock that was held at a look between them", async () => {
    const look = () => lostBy({ lease: 15_000, grace: 0 });
    await test.two.heartbeat("42");
    expect(await look(), "the first gap").to.deep.equal([]);
    const holder = new pg.Client({ connectionString: test.url });
    await holder.connect();
    await holder.query("select pg_advisory_lock(42)");
    expect(await look(), "its session is back").to.deep.equal([]);
    await holder.query("select pg_advisory_unlock(42)");
    await holder.end();
    expect(await look(), "the second gap").to.deep.equal([]);
    expect(await look(), "which lasts").to.deep.equal(["two"]);
  });

  it("give back, when a host leaves, what it still holds by the table", async () => {
    await test.one.insert([newRow(), newRow()]);
    await test.two.claim("default", 2, 1);
    await test.settle();
    test.heard = [];
    await test.two.unregister();
    await test.settle();
    expect(test.heard).to.deep.equal([{ channel: "baton.insert", payload: "default" }]);
    const jobs = await test.one.claim("default", 2);
    expect(jobs.map(({ attempt, crashes }) => ({ attempt, crashes }))).to.deep.equal([
      { attempt: 1, crashes: 0 },
      { attempt: 1, crashes: 0 },
    ]);
  });

  it("rescue jobs that were only held as if nobody had had them", async () => {
    await test.one.insert([newRow({ maxAttempts: 1 }), newRow({ maxAttempts: 1 })]);
    await test.two.claim("default", 2, 1);
    const answer = bareAnswer(ANSWER_KINDS.exhausted);
    expect(await test.one.rescue("two", lost(answer), lost(answer), 3)).to.include({ jobs: 2, discarded: 1 });
    expect(await test.claimOne(test.one)).to.include({ attempt: 1, claim: 2, crashes: 1 });
    const { rows } = await test.sql.query("select id from baton.jobs where errors <> '[]'");
    expect(rows).to.have.length(1);
  });

  it("quarantine what had begun when the third host died with it, and tell its awaiters", async () => {
    const poison = newRow({ replyTo: "one" });
    await test.one.insert([poison, newRow()]);
    await test.sql.query("update baton.jobs set crashes = 2");
    const [job] = await test.two.claim("default", 2, 1);
    const [gone, bad] = [valueOf(Buffer.from("gone")), valueOf(Buffer.from("bad"))];
    const rescued = await test.one.rescue("two", lost(gone), { answer: bad, error: "poison" }, 3);
    expect(rescued).to.deep.include({ jobs: 2, discarded: 0, quarantined: [job?.id] });
    await test.settle();
    expect(test.heard).to.deep.include({ channel: "baton.relay.one", payload: formatEnvelope(poison.ref, bad) });
    expect(await test.claimOne(test.one), "only held").to.include({ attempt: 1, crashes: 3 });
  });

  it("rescue a lost host's jobs: back to work, or discarded where no attempt is left; its late outcome is refused", async () => {
    const last = newRow({ maxAttempts: 1, replyTo: "one" });
    await test.one.insert([newRow({ maxAttempts: 2 }), last]);
    const jobs = await test.two.claim("default", 2);
    const answer = answerWith(ANSWER_KINDS.exhausted, { encoding: "b", bytes: Buffer.from("lost") });
    expect(await test.one.rescue("two", lost(answer), lost(answer), 3)).to.include({ jobs: 2, discarded: 1 });
    await test.settle();
    expect(test.heard).to.deep.include({ channel: "baton.relay.one", payload: formatEnvelope(last.ref, answer) });
    expect(await test.two.complete(jobs.map((job) => ({ ...job, transition: completed() })))).to.deep.equal([
      false,
      false,
    ]);
    expect(await test.two.heartbeat(null), "it learns that it was declared lost").to.equal(false);
    expect(await test.claimOne(test.one)).to.include({ attempt: 2, claim: 2 });
  });
});
