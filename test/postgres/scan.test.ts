import { expect } from "chai";
import pg from "pg";
import { InvalidOptionError } from "../../lib/errors.js";
import { Database } from "../../lib/postgres/database.js";
import { migrate } from "../../lib/postgres/migrations.js";
import { type JobFilter, scanJobs } from "../../lib/postgres/scan.js";
import { Telemetry } from "../../lib/telemetry.js";
import { createDatabase, type TestDatabase } from "../support/database.js";
import { until } from "../support/until.js";

const ROWS = 3_000;

describe("listing jobs", () => {
  let test: TestDatabase;
  let database: Database;
  let sql: pg.Client;

  before(async () => {
    test = await createDatabase();
    database = new Database(test.url, "listing", new Telemetry("test"));
    await database.start();
    await migrate(database, "baton");
    sql = new pg.Client({ connectionString: test.url });
    await sql.connect();
    await sql.query(
      `insert into baton.jobs (queue, worker, state, args, tags) select case when n % 2 = 0 then 'even' else 'odd' end,
        'double', n % 7, jsonb_build_object('n', n), array['t' || n % 3] from generate_series(1, ${ROWS}) n`,
    );
  });

  after(async () => {
    await sql.end();
    await database.stop();
    await test.drop();
  });

  async function count(filter: JobFilter): Promise<number> {
    let jobs = 0;
    for await (const _job of scanJobs(database, "baton", filter)) jobs += 1;
    return jobs;
  }

  it("goes through any number of rows, by id, each as an object of its own kind", async () => {
    const ids: number[] = [];
    for await (const job of scanJobs(database, "baton", {})) {
      if (ids.length === 0) {
        expect(job).to.deep.include({
          state: "available",
          queue: "odd",
          args: { n: 1 },
          tags: ["t1"],
          meta: {},
          errors: [],
        });
        expect(job.insertedAt).to.be.instanceOf(Date);
        expect(job.finishedAt).to.equal(null);
      }
      ids.push(job.id);
    }
    expect(ids).to.have.length(ROWS);
    expect(ids).to.deep.equal(ids.toSorted((a, b) => a - b));
  });

  it("keeps to every condition of its filter", async () => {
    expect(await count({ queue: "even" })).to.equal(ROWS / 2);
    expect(await count({ state: "completed", tag: "t0" })).to.equal(143);
    expect(await count({ state: ["completed", "cancelled"], worker: "double" })).to.equal(857);
    expect(await count({ ids: [1, 2, 999_999] })).to.equal(2);
    expect(await count({ worker: "nobody" })).to.equal(0);
  });

  it("reads no further than its caller does, and leaves no connection behind when that leaves the loop", async () => {
    for await (const job of scanJobs(database, "baton", {})) {
      expect(job.id).to.equal(1);
      break;
    }
    await until(async () => {
      const { rowCount } = await sql.query(
        "select from pg_stat_activity where application_name = 'listing' and query like '%order by id%'",
      );
      return rowCount === 0;
    }, "the cursor's connection to be gone");
  });

  for (const [filter, says] of [
    [{ status: "completed" }, /status of jobs is not known/],
    [{ state: "done" }, /state of jobs must be one of/],
  ] as const) {
    it(`refuses ${JSON.stringify(filter)}`, async () => {
      const error = await count(filter as unknown as JobFilter).catch((failure: unknown) => failure);
      expect(error).to.be.instanceOf(InvalidOptionError);
      expect((error as Error).message).to.match(says);
    });
  }
});
