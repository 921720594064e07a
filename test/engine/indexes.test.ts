import { expect } from "chai";
import pg from "pg";
import { Database } from "../../lib/postgres/database.js";
import { buildIndexes } from "../../lib/engine/indexes.js";
import { migrate } from "../../lib/engine/migrations.js";
import { Telemetry } from "../../lib/telemetry.js";
import { createDatabase, type TestDatabase } from "../support/database.js";
import { Hosts } from "../support/hosts.js";
import { until } from "../support/until.js";
import double from "../../examples/workers/double.js";

const NAMES = ["jobs_claim_worker", "jobs_expire"];
const INSERT = "insert into baton.jobs (queue, worker) values ('other', 'double')";

describe("indexes that a later release adds to a large table", () => {
  let test: TestDatabase;
  let sql: pg.Client;
  let old: pg.Client;
  let databases: Database[];

  before(async () => {
    test = await createDatabase();
    [sql, old] = [new pg.Client(test.url), new pg.Client(test.url)];
    await Promise.all([sql.connect(), old.connect()]);
    const [database] = (databases = await opened(1));
    await migrate(database as Database, "baton");
    await stop();
    await sql.query(
      "insert into baton.jobs (queue, worker, state) select 'other', 'double', 4 from generate_series(1, 200000)",
    );
  });

  beforeEach(async () => {
    databases = [];
    await sql.query(`drop index if exists ${NAMES.map((name) => `baton.${name}`).join(", ")}`);
  });

  afterEach(stop);

  after(async () => {
    await Promise.all([sql.end(), old.end()]);
    await test.drop();
  });

  async function opened(count: number): Promise<Database[]> {
    const made = Array.from({ length: count }, () => new Database(test.url, "test", new Telemetry("test")));
    await Promise.all(made.map((database) => database.start()));
    return made;
  }

  async function stop(): Promise<void> {
    await Promise.all(databases.splice(0).map((database) => database.stop()));
  }

  /** By name, whether each index that exists is valid. */
  async function indexes(): Promise<Record<string, boolean>> {
    const { rows } = await sql.query<{ name: string; valid: boolean }>(
      `select indexrelid::regclass::text as name, indisvalid as valid from pg_index
      where indexrelid::regclass::text = any($1)`,
      [NAMES.map((name) => `baton.${name}`)],
    );
    return Object.fromEntries(rows.map(({ name, valid }) => [name.replace("baton.", ""), valid]));
  }

  const complete = async (): Promise<boolean> => {
    const found = await indexes();
    return NAMES.every((name) => found[name] === true);
  };

  /** Opens a transaction with a snapshot that every build has to wait for. */
  async function hang(): Promise<void> {
    await old.query("begin isolation level repeatable read; select 1");
  }

  it("are built once and without blocking writers, though several hosts start together", async () => {
    await hang();
    databases = await opened(3);
    for (const database of databases) await migrate(database, "baton");
    const building = Promise.all(databases.map((database) => buildIndexes(database, "baton")));
    await until(async () => (await indexes())["jobs_claim_worker"] === false, "a build to begin");
    await sql.query("set statement_timeout = '5s'");
    await sql.query(INSERT);
    await sql.query("update baton.jobs set state = 4 where queue = 'other' and state = 1");
    await sql.query("reset statement_timeout");
    expect(await complete(), "built although a transaction hangs").to.equal(false);
    await old.query("commit");
    await building;
    expect(await indexes()).to.deep.equal({ jobs_claim_worker: true, jobs_expire: true });
  }).timeout(60_000);

  it("do not delay a start, and the next start resumes a build that was broken off", async () => {
    await hang();
    const hosts = new Hosts(test.url);
    const first = await hosts.start({ queues: { default: 1 } });
    await until(async () => (await indexes())["jobs_claim_worker"] === false, "a build to begin");
    expect(await first.call(double.new({ int: 2 }), 20_000)).to.equal(4);
    expect(first.status().events).to.not.have.any.keys("service:error");
    await hosts.stop();
    const idle = "select from pg_stat_activity where query like '%concurrently%' and pid <> pg_backend_pid()";
    // Servers before 14 do not notice that a client has gone while its statement waits.
    await sql.query(`select pg_terminate_backend(pid) from (${idle.replace("from", "pid from")}) b
      where current_setting('server_version_num')::int < 140000`);
    await until(async () => (await sql.query(idle)).rowCount === 0, "the server to end the build", 30_000);
    await old.query("commit");
    expect(await indexes(), "left by the build").to.deep.equal({ jobs_claim_worker: false });
    await hosts.start();
    await until(complete, "the next start to build them", 30_000);
    await hosts.stop();
  }).timeout(90_000);

  it("are built with the migration if the table is new or small", async () => {
    databases = await opened(1);
    await migrate(databases[0] as Database, "small");
    const { rows } = await sql.query("select from pg_indexes where schemaname = 'small' and indexname = any($1)", [
      NAMES,
    ]);
    expect(rows).to.have.length(2);
  });
});
