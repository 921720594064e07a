import { expect } from "chai";
import pg from "pg";
import type { Room } from "../../lib/postgres/cursor.js";
import { Database } from "../../lib/postgres/database.js";
import { migrate } from "../../lib/engine/migrations.js";
import { scanJobs } from "../../lib/engine/scan.js";
import { Telemetry } from "../../lib/telemetry.js";
import { createDatabase, type TestDatabase } from "../support/database.js";

const ROWS = 120_000;
const LARGE = 64;

/** Counts the rows that its cursors read. */
class Watched extends Database {
  /** Rows read by each cursor. */
  readonly pages: number[] = [];

  override async read<Row>(text: string, values: unknown[], room: Room<Row>): Promise<Row[]> {
    const rows = await super.read<Row>(text, values, room);
    this.pages.push(rows.length);
    return rows;
  }
}

describe("listing many jobs", function () {
  this.timeout(60_000);
  let test: TestDatabase;
  let database: Watched;

  before(async () => {
    test = await createDatabase();
    database = new Watched(test.url, "pages", new Telemetry("test"));
    await database.start();
    await migrate(database, "baton");
    const sql = new pg.Client(test.url);
    await sql.connect();
    await sql.query(`insert into baton.jobs (queue, worker, state, args, tags)
      select 'default', 'double', 1, jsonb_build_object('text', repeat(md5(n::text), 30)), case when n = ${ROWS} then '{rare}' else '{}' end::text[]
      from generate_series(1, ${ROWS}) n`);
    await sql.query(`insert into baton.jobs (queue, worker, args)
      select 'large', 'double', jsonb_build_object('text', repeat('x', 1000000)) from generate_series(1, ${LARGE})`);
    await sql.end();
  });

  after(async () => {
    await database.stop();
    await test.drop();
  });

  beforeEach(() => {
    database.pages.length = 0;
  });

  it("takes constant memory, however many there are", async () => {
    const before = process.memoryUsage().heapUsed;
    let jobs = 0;
    let peak = 0;
    for await (const { id } of scanJobs(database, "baton", { queue: "default" })) {
      jobs += 1;
      expect(id).to.equal(jobs);
      if (id % 1_000 === 0) peak = Math.max(peak, process.memoryUsage().heapUsed - before);
    }
    expect(jobs).to.equal(ROWS);
    expect(Math.max(...database.pages)).to.be.at.most(1_000);
    // All args together are 115 MB.
    expect(peak / 1_048_576).to.be.below(64);
  });

  it("looks at 10,000 rows a statement at most, if few match", async () => {
    const ids: number[] = [];
    for await (const { id } of scanJobs(database, "baton", { tag: "rare", state: "available" })) ids.push(id);
    expect(ids).to.deep.equal([ROWS]);
    expect(database.pages).to.have.length(Math.ceil((ROWS + LARGE) / 10_000));
  });

  it("reads few rows at a time if they are large", async () => {
    let jobs = 0;
    for await (const { args } of scanJobs(database, "baton", { queue: "large" })) {
      jobs += 1;
      expect((args as { text: string }).text).to.have.length(1_000_000);
    }
    expect(jobs).to.equal(LARGE);
    expect(Math.max(...database.pages)).to.be.at.most(10);
  });

  it("finds each of many ids once, in order", async () => {
    const ids = Array.from({ length: 25_000 }, (_, index) => (25_000 - index) * 4);
    const found: number[] = [];
    for await (const { id } of scanJobs(database, "baton", { ids: [...ids, ...ids, -1, 9e15] })) found.push(id);
    expect(found).to.deep.equal(ids.toReversed());
  });
});
