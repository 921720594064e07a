import { expect } from "chai";
import { ANSWER_KINDS, bareAnswer } from "../../lib/job/answer.js";
import type { Ending } from "../../lib/engine/ending.js";
import { Engine } from "../../lib/engine/engine.js";
import { completed, Engines } from "../support/engines.js";
import { newRow } from "../support/rows.js";

const DAY = 86_400_000;
const WEEK = 7 * DAY;
const CENTURY = 100 * 365 * DAY;

describe("a finished row's retention", () => {
  let test: Engines;
  /** Engines of one host, with a retention of nothing, a week and a century. */
  let brief: Engine;
  let patient: Engine;
  let eternal: Engine;

  before(async () => {
    test = await Engines.start();
    [brief, patient, eternal] = [0, WEEK, CENTURY].map(
      (retention) => new Engine(test.database, "baton", "one", { retention }),
    ) as [Engine, Engine, Engine];
  });

  after(() => test.stop());

  beforeEach(() => test.reset());

  async function finish(engine: Engine, jobs = 1): Promise<void> {
    await engine.insert(Array.from({ length: jobs }, () => newRow()));
    const claimed = (await engine.claim("default", jobs)).jobs;
    await engine.complete(claimed.map((job) => ({ ...job, transition: completed() })));
  }

  /** ms from the end of each job to its expiry, by id. */
  async function kept(): Promise<(number | null)[]> {
    const { rows } = await test.sql.query<{ ms: number | null }>(
      "select date_part('epoch', expires_at - finished_at) * 1000 as ms from baton.jobs order by id",
    );
    return rows.map(({ ms }) => ms);
  }

  async function age(ms: number): Promise<void> {
    await test.sql.query("update baton.jobs set finished_at = finished_at - $1::float8 * interval '1 ms'", [ms]);
    await test.sql.query("update baton.jobs set expires_at = expires_at - $1::float8 * interval '1 ms'", [ms]);
  }

  it("is that of the host that finished it, one job or many at a time, whoever prunes", async () => {
    await finish(patient);
    await finish(patient, 2);
    await finish(eternal);
    expect(await kept()).to.deep.equal([WEEK, WEEK, WEEK, CENTURY]);
    await age(WEEK - 60_000);
    expect(await brief.prune(10)).to.deep.equal({ pruned: 0, dated: 0 });
    await age(60_000);
    expect(await eternal.prune(10)).to.deep.equal({ pruned: 3, dated: 0 });
    expect(await kept()).to.deep.equal([CENTURY]);
  });

  it("of nothing lets a row be pruned at once, and only that row", async () => {
    await finish(brief);
    await finish(patient);
    expect(await patient.prune(10)).to.deep.equal({ pruned: 1, dated: 0 });
    expect(await kept()).to.deep.equal([WEEK]);
  });

  it("is the rescuer's if the host died during the last attempt", async () => {
    const verdict: Ending = { answer: bareAnswer(ANSWER_KINDS.completed), error: "lost" };
    await test.two.insert([newRow({ maxAttempts: 1 }), newRow()]);
    await test.two.claim("default", 2);
    await patient.rescue(await test.lossOf("two"), verdict);
    expect(await kept()).to.deep.equal([WEEK, null]);
  });

  it("is set by the pruner on rows that have none, counted from their end, in batches", async () => {
    await test.sql.query(`insert into baton.jobs (queue, worker, state, finished_at)
      select 'default', 'double', 4, now() - n * interval '1 day' from generate_series(0, 6) n`);
    await test.sql.query(
      "insert into baton.jobs (queue, worker, state) values ('default', 'double', 6), ('default', 'double', 1)",
    );
    expect(await patient.prune(5)).to.deep.equal({ pruned: 0, dated: 5 });
    expect(await patient.prune(5)).to.deep.equal({ pruned: 0, dated: 3 });
    expect(await kept()).to.deep.equal([...Array.from({ length: 7 }, () => WEEK), null, null]);
    expect(await patient.prune(5)).to.deep.equal({ pruned: 0, dated: 0 });
    await age(DAY);
    expect(await brief.prune(5)).to.deep.equal({ pruned: 1, dated: 0 });
  });

  it("is cleared when a finished row runs again", async () => {
    await finish(patient);
    await test.sql.query("update baton.jobs set state = 1");
    const [job] = (await patient.claim("default", 1)).jobs;
    if (job === undefined) throw new Error("nothing to claim");
    await patient.complete([{ ...job, transition: { ...completed(), state: "retryable", delay: 1_000 } }]);
    expect(await kept()).to.deep.equal([null]);
  });
});
