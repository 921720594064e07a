import { expect } from "chai";
import pg from "pg";
import { InvalidOptionError } from "../../lib/errors.js";
import { Database } from "../../lib/postgres/database.js";
import { migrate } from "../../lib/engine/migrations.js";
import type { JobFilter } from "../../lib/engine/filter.js";
import { scanJobs } from "../../lib/engine/scan.js";
import { Telemetry } from "../../lib/telemetry.js";
import { createDatabase, type TestDatabase } from "../support/database.js";

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

  it("yields any number of rows by id, as typed objects", async () => {
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

  it("meets every condition of its filter", async () => {
    expect(await count({ queue: "even" })).to.equal(ROWS / 2);
    expect(await count({ state: "completed", tag: "t0" })).to.equal(143);
    expect(await count({ state: ["completed", "cancelled"], worker: "double" })).to.equal(857);
    expect(await count({ ids: [1, 2, 999_999] })).to.equal(2);
    expect(await count({ worker: "nobody" })).to.equal(0);
  });

  it("reads times correctly, whatever the role's datestyle and time zone", async () => {
    await sql.query(`update baton.jobs set scheduled_at = '2026-02-03 04:05:06.789012+00', attempted_at = 'infinity',
      finished_at = '1969-12-31 23:59:59.123+00' where id = 1`);
    await sql.query(`alter role current_user in database ${test.name} set datestyle = 'SQL, DMY'`);
    await sql.query(`alter role current_user in database ${test.name} set timezone = 'Asia/Kathmandu'`);
    const odd = new Database(test.url, "odd", new Telemetry("test"));
    await odd.start();
    try {
      for await (const { scheduledAt, attemptedAt, finishedAt, insertedAt } of scanJobs(odd, "baton", { ids: [1] })) {
        expect(scheduledAt.toISOString()).to.equal("2026-02-03T04:05:06.789Z");
        expect(finishedAt?.toISOString()).to.equal("1969-12-31T23:59:59.123Z");
        expect(attemptedAt?.getTime()).to.equal(8.64e15);
        expect(Math.abs(insertedAt.getTime() - Date.now())).to.be.below(3_600_000);
      }
    } finally {
      await odd.stop();
      await sql.query(`alter role current_user in database ${test.name} reset all`);
    }
  });

  it("holds no transaction and no connection while the loop body runs, so vacuum removes dead rows", async () => {
    const notices: string[] = [];
    // PostgreSQL 13 writes the count of dead rows to the detail.
    sql.on("notice", ({ message = "", detail = "" }) => notices.push(message, detail));
    let first = true;
    for await (const _job of scanJobs(database, "baton", { queue: "odd" })) {
      if (!first) continue;
      first = false;
      const { rows } = await sql.query(
        "select state, backend_xmin from pg_stat_activity where application_name = 'listing' and datname = current_database()",
      );
      expect(rows.length).to.be.at.least(1);
      for (const row of rows) expect(row).to.deep.equal({ state: "idle", backend_xmin: null });
      await sql.query("update baton.jobs set priority = 1");
      await sql.query("vacuum (verbose) baton.jobs");
    }
    const kept = /(\d+) (?:are dead but not yet removable|dead row versions cannot be removed yet)/;
    expect(kept.exec(notices.join("\n"))?.[1]).to.equal("0");
  });

  it("goes on while rows are inserted and deleted, up to the id that was last at its start", async () => {
    const ids: number[] = [];
    for await (const { id } of scanJobs(database, "baton", { worker: "double" })) {
      if (ids.push(id) === 1) await sql.query("delete from baton.jobs where id between 2000 and 2099");
      if (id % 100 === 0) await sql.query("insert into baton.jobs (queue, worker) values ('late', 'double')");
    }
    expect(ids).to.have.length(ROWS - 100);
    expect(ids.at(-1)).to.equal(ROWS);
    await sql.query("delete from baton.jobs where queue = 'late'");
  });

  it("survives the loss of every connection in the middle", async () => {
    let jobs = 0;
    for await (const _job of scanJobs(database, "baton", {})) {
      jobs += 1;
      if (jobs === 5)
        await sql.query("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'listing'");
    }
    expect(jobs).to.equal(ROWS - 100);
  });

  for (const [filter, says] of [
    [null, /filter of jobs must be an object, .* not null/],
    [[], /filter of jobs must be an object, .* not \[\]/],
    ["discarded", /filter of jobs must be an object, .* not 'discarded'/],
    [{ status: "completed" }, /status of jobs is unknown/],
    [{ state: "done" }, /state of jobs must be one of .* not 'done'/],
    [{ state: ["completed", null] }, /state of jobs must be one of .* not null/],
    [{ queue: 7 }, /queue of jobs must be a string without NUL characters, not 7/],
    [{ worker: "a\0b" }, /worker of jobs must be a string without NUL characters/],
    [{ tag: ["a"] }, /tag of jobs must be a string/],
    [{ ids: 7 }, /ids of jobs must be an array of integers, not 7/],
    [{ ids: [1, 2.5] }, /ids\[1\] of jobs must be an integer, not 2.5/],
    [{ ids: [1, "2"] }, /ids\[1\] of jobs must be an integer, not '2'/],
    [{ ids: Array.from({ length: 3 }) }, /ids\[0\] of jobs must be an integer, not undefined/],
  ] as const) {
    it(`refuses ${JSON.stringify(filter)}`, async () => {
      const error = await count(filter as unknown as JobFilter).catch((failure: unknown) => failure);
      expect(error).to.be.instanceOf(InvalidOptionError);
      expect((error as Error).message).to.match(says);
    });
  }
});
