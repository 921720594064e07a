import { expect } from "chai";
import pg from "pg";
import { DatabaseError } from "../../lib/errors.js";
import { Database } from "../../lib/postgres/database.js";
import { migrate } from "../../lib/engine/migrations.js";
import { Telemetry } from "../../lib/telemetry.js";
import { createDatabase, type TestDatabase } from "../support/database.js";
import { until } from "../support/until.js";

describe("migrations", () => {
  let test: TestDatabase;
  let sql: pg.Client;

  before(async () => {
    test = await createDatabase();
    sql = new pg.Client({ connectionString: test.url });
    await sql.connect();
  });

  after(async () => {
    await sql.end();
    await test.drop();
  });

  async function opened(url = test.url): Promise<Database> {
    const database = new Database(url, "test", new Telemetry("test"));
    await database.start();
    return database;
  }

  it("are safe when ten hosts start at once", async () => {
    const databases = await Promise.all(Array.from({ length: 10 }, () => opened()));
    await Promise.all(databases.map((database) => migrate(database, "together")));
    await Promise.all(databases.map((database) => database.stop()));
    const { rows } = await sql.query<{ step: number }>("select step from together.migrations order by step");
    expect(rows.map(({ step }) => step)).to.deep.equal([...rows.keys()].map((at) => at + 1));
  });

  it("need only ownership of the schema if it exists", async () => {
    const role = `owner_${process.pid}`;
    await sql.query(`create role ${role} login password 'secret'; create schema owned authorization ${role}`);
    const url = new URL(test.url);
    url.username = role;
    url.password = "secret";
    const database = await opened(url.href);
    try {
      await migrate(database, "owned");
    } finally {
      await database.stop();
      await sql.query(`drop owned by ${role} cascade; drop role ${role}`);
    }
  });

  describe("that need an exclusive lock", () => {
    let database: Database;
    let reader: pg.Client;

    beforeEach(async () => {
      database = await opened();
      reader = new pg.Client({ connectionString: test.url });
      await reader.connect();
      await migrate(database, "read");
      await sql.query("alter table read.jobs alter column result set storage extended");
      await sql.query("delete from read.migrations where step >= 2");
      await reader.query("begin; select from read.jobs");
    });

    afterEach(async () => {
      await reader.end();
      await database.stop();
    });

    it("block nobody for long while the table is read, and finish afterwards", async () => {
      const migrated = migrate(database, "read");
      await until(async () => {
        const { rowCount } = await sql.query(
          "select from pg_locks where mode = 'AccessExclusiveLock' and not granted and relation = 'read.jobs'::regclass",
        );
        return (rowCount ?? 0) > 0;
      }, "the migration to wait for its lock");
      await sql.query(
        "set statement_timeout = '10s'; insert into read.jobs (queue, worker) values ('default', 'double')",
      );
      await reader.query("commit");
      await migrated;
      const { rows } = await sql.query(
        "select attstorage from pg_attribute where attrelid = 'read.jobs'::regclass and attname = 'result'",
      );
      expect(rows).to.deep.equal([{ attstorage: "e" }]);
    });

    it("fail with a typed error if the table is read for too long", async () => {
      const error = await migrate(database, "read", 0).catch((failure: unknown) => failure);
      expect(error).to.be.instanceOf(DatabaseError);
      expect(error).to.include({ code: "ERR_BATON_DATABASE_REFUSED" });
    });
  });

  it("open a schema to which a later release has only added", async () => {
    const database = await opened();
    try {
      await migrate(database, "added");
      await sql.query("insert into added.additions (step) values (999)");
      await migrate(database, "added");
    } finally {
      await database.stop();
    }
  });

  it("record additions where releases that know only the first steps do not read", async () => {
    const database = await opened();
    try {
      await migrate(database, "before");
      const { rows } = await sql.query<{ step: number }>("select max(step) as step from before.migrations");
      expect(rows).to.deep.equal([{ step: 3 }]);
    } finally {
      await database.stop();
    }
  });

  it("refuse a schema that a later release has changed", async () => {
    const database = await opened();
    try {
      await migrate(database, "later");
      await sql.query("insert into later.migrations (step) values (999)");
      const error = await migrate(database, "later").catch((failure: unknown) => failure);
      expect(error).to.be.instanceOf(DatabaseError);
      expect(error).to.include({ code: "ERR_BATON_SCHEMA_TOO_NEW" });
    } finally {
      await database.stop();
    }
  });
});
