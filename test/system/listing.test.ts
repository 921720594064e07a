import { expect } from "chai";
import pg from "pg";
import type { Baton } from "../../lib/index.js";
import double from "../../workers/double.js";
import echo from "../../workers/echo.js";
import { createDatabase, type TestDatabase } from "../support/database.js";
import { Hosts } from "../support/hosts.js";
import { rejection } from "../support/rejection.js";
import { until } from "../support/until.js";

const ROWS = 1_000;
const LISTING = "datname = current_database() and pid <> pg_backend_pid() and query like '%order by id%'";

describe("baton.jobs", () => {
  let database: TestDatabase;
  let hosts: Hosts;
  let baton: Baton;
  let sql: pg.Client;

  before(async () => {
    database = await createDatabase();
    hosts = new Hosts(database.url);
    baton = await hosts.start();
    sql = new pg.Client(database.url);
    await sql.connect();
    await baton.insertMany(Array.from({ length: ROWS }, (_, int) => double.new({ int }, { tags: ["many"] })));
    await baton.insertMany([
      echo.new({ value: { deep: [1, "ü", null] } }, { queue: "other", tags: ["a", "b"], meta: { m: 1 } }),
      echo.new({ value: 2 }, { queue: "other", scheduleIn: 3_600_000 }),
    ]);
  });

  after(async () => {
    await hosts.stop();
    await sql.end();
    await database.drop();
  });

  async function listed(filter: Parameters<Baton["jobs"]>[0]): Promise<unknown[]> {
    const args: unknown[] = [];
    for await (const job of baton.jobs(filter)) args.push(job.args);
    return args;
  }

  async function connections(): Promise<number> {
    const { rowCount } = await sql.query(`select from pg_stat_activity where ${LISTING}`);
    return rowCount ?? 0;
  }

  it("lists all jobs by id, more than it reads at a time", async () => {
    const ids: number[] = [];
    for await (const { id } of baton.jobs()) ids.push(id);
    expect(ids).to.have.length(ROWS + 2);
    expect(ids).to.deep.equal([...ids].sort((a, b) => a - b));
  });

  it("filters by whatever is given, all of it at once", async () => {
    const deep = { value: { deep: [1, "ü", null] } };
    expect(await listed({ worker: "echo" })).to.deep.equal([deep, { value: 2 }]);
    expect(await listed({ queue: "other", state: "available" })).to.deep.equal([deep]);
    expect(await listed({ tag: "b" })).to.deep.equal([deep]);
    expect(await listed({ state: ["scheduled", "completed"] })).to.deep.equal([{ value: 2 }]);
    expect(await listed({ ids: [1, 3] })).to.deep.equal([{ int: 0 }, { int: 2 }]);
    expect(await listed({ ids: [] })).to.deep.equal([]);
    expect(await listed({ tag: "many", worker: "echo" })).to.deep.equal([]);
  });

  it("lets go of its connection at the end, when the loop is left, and when its body throws", async () => {
    for await (const { id } of baton.jobs()) if (id > 500) break;
    await until(async () => (await connections()) === 0, "the first to disconnect");
    const thrown = new Error("enough");
    const looping = async (): Promise<void> => {
      for await (const _job of baton.jobs()) throw thrown;
    };
    expect(await rejection(looping())).to.equal(thrown);
    await listed({});
    await until(async () => (await connections()) === 0, "the others to disconnect");
  });

  it("sees the table as it was when the listing began", async () => {
    let count = 0;
    for await (const { id } of baton.jobs({ tag: "many" })) {
      count += 1;
      if (count === 1) await sql.query("update baton.jobs set tags = '{many,seen}' where id > $1", [id]);
    }
    expect(count).to.equal(ROWS);
  });

  it("fails where its connection is cut in the middle, and harms nothing else", async () => {
    const looping = async (): Promise<void> => {
      for await (const { id } of baton.jobs()) {
        if (id === 10) await sql.query(`select pg_terminate_backend(pid) from pg_stat_activity where ${LISTING}`);
      }
    };
    expect((await rejection(looping())).message).to.match(/terminat|EPIPE|ECONNRESET|ended/);
    expect(await listed({ ids: [1] })).to.have.length(1);
  });
});
