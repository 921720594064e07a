import { expect } from "chai";
import pg from "pg";
import { Database } from "../../lib/postgres/database.js";
import { Telemetry } from "../../lib/telemetry.js";
import { createDatabase, type TestDatabase } from "../support/database.js";
import { FaultyProxy } from "../support/faulty-proxy.js";
import { Hosts } from "../support/hosts.js";
import double from "../../examples/workers/double.js";

/** Settings as a role or a database may have them, and as Baton's statements need them. */
const HOSTILE = {
  search_path: ["public", "pg_catalog,pg_temp"],
  default_transaction_isolation: ["serializable", "read committed"],
  datestyle: ["German", "ISO, MDY"],
  timezone: ["Asia/Kathmandu", "UTC"],
  extra_float_digits: ["-15", "1"],
  array_nulls: ["off", "on"],
  enable_indexscan: ["off", "on"],
  statement_timeout: ["7ms", "10s"],
  lock_timeout: ["7ms", "0"],
  idle_in_transaction_session_timeout: ["7ms", "1min"],
  idle_session_timeout: ["900ms", "0"],
  transaction_timeout: ["900ms", "0"],
} as const;
const NAMES = Object.keys(HOSTILE) as (keyof typeof HOSTILE)[];

describe("the settings of sessions", () => {
  let test: TestDatabase;
  let sql: pg.Client;
  let proxy: FaultyProxy;
  let url: string;

  before(async () => {
    test = await createDatabase();
    sql = new pg.Client(test.url);
    await sql.connect();
    for (const name of NAMES) {
      // This version of the server may lack some.
      await sql.query(`alter database ${test.name} set ${name} = '${HOSTILE[name][0]}'`).catch(() => {});
    }
  });

  beforeEach(async () => {
    proxy = new FaultyProxy(test.url);
    url = await proxy.start();
  });

  afterEach(() => proxy.stop());

  after(async () => {
    await sql.end();
    await test.drop();
  });

  /** The settings of a session of the pool. */
  async function settings(connection: string | pg.ClientConfig, names: readonly string[] = NAMES) {
    const database = new Database(connection, "test", new Telemetry("test"));
    await database.start();
    try {
      const text = "select name, current_setting(name) as value from pg_settings where name ilike any($1::text[])";
      const rows = await database.query<{ name: string; value: string }>({ name: "s", text }, [names]);
      return Object.fromEntries(rows.map(({ name, value }) => [name.toLowerCase(), value]));
    } finally {
      await database.stop();
    }
  }

  function expectOurs(found: Record<string, string>): void {
    expect(found).to.include.keys("search_path", "statement_timeout");
    for (const name of NAMES) if (name in found) expect(found[name], name).to.equal(HOSTILE[name][1]);
  }

  it("are those that statements need, whatever the role or the database has set", async () => {
    expectOurs(await settings(url));
  });

  for (const message of [
    "Feature not supported: RDS Proxy currently doesn't support command-line options.",
    "unsupported startup parameter: options",
    "parameters of this kind are not served here",
  ]) {
    it(`are the same behind a proxy that refuses startup options: ${message}`, async () => {
      proxy.refusesOptions = message;
      expectOurs(await settings(url));
      expect(proxy.refusals).to.equal(1);
    });
  }

  it("are left alone behind a pooler, whose sessions serve other clients too", async () => {
    proxy.refusesOptions = "unsupported startup parameter: options";
    proxy.inventsProcesses = true;
    await sql.query(`alter database ${test.name} set statement_timeout = '9s'`);
    const found = await settings(url);
    await sql.query(`alter database ${test.name} set statement_timeout = '7ms'`);
    expect(found).to.include({ search_path: "public", statement_timeout: "9s", timezone: "Asia/Kathmandu" });
  });

  it("include the user's startup options, of a URL or an object, unless Baton sets them", async () => {
    const names = ["work_mem", ...NAMES];
    const options = "-c work_mem=5MB -c search_path=public -c statement_timeout=1";
    const withOptions = new URL(url);
    withOptions.searchParams.set("options", options);
    withOptions.searchParams.set("statement_timeout", "1");
    for (const connection of [withOptions.href, { connectionString: url, options, statement_timeout: 1 }]) {
      const found = await settings(connection, names);
      expect(found).to.include({ work_mem: "5MB" });
      expectOurs(found);
    }
  });

  it("let jobs run and be listed", async () => {
    const hosts = new Hosts(url);
    try {
      const [host, caller] = [await hosts.start({ queues: { default: 2 } }), await hosts.start()];
      expect(await caller.call(double.new({ int: 2 }), 20_000)).to.equal(4);
      expect(await host.call(double.new({ int: 3 }), 20_000)).to.equal(6);
      for await (const { insertedAt } of caller.jobs()) expect(insertedAt).to.be.instanceOf(Date);
    } finally {
      await hosts.stop();
    }
  }).timeout(60_000);
});
