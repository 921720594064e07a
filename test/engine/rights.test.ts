import { expect } from "chai";
import pg from "pg";
import { Baton, DatabaseError } from "../../lib/index.js";
import double from "../../examples/workers/double.js";
import { createDatabase, type TestDatabase } from "../support/database.js";
import { WORKERS } from "../support/workers.js";

describe("a role without the rights that it needs", () => {
  let test: TestDatabase;
  let sql: pg.Client;
  let connection: string;
  /** A name that must be quoted as an identifier. */
  const name = `Baton "poor"-${process.pid}`;
  const role = pg.escapeIdentifier(name);

  before(async () => {
    test = await createDatabase();
    sql = new pg.Client(test.url);
    await sql.connect();
    await sql.query(`create role ${role} login password 'secret'`);
    const url = new URL(test.url);
    url.username = encodeURIComponent(name);
    url.password = "secret";
    connection = url.href;
  });

  after(async () => {
    await sql.query(`drop owned by ${role} cascade; drop role ${role}`);
    await sql.end();
    await test.drop();
  });

  /** Fails to start as that role; returns the statement that the error says to run. */
  async function refused(queues: Record<string, number> = {}): Promise<string> {
    const baton = new Baton({ connection, queues, workers: WORKERS, threads: 1 });
    const error = await baton.start().then(
      () => null,
      (reason: unknown) => reason,
    );
    expect(error).to.be.instanceOf(DatabaseError);
    expect(error).to.include({ code: "ERR_BATON_DATABASE_REFUSED" });
    const [, grant = ""] = /superuser: (grant .*)$/.exec((error as Error).message) ?? [];
    expect(grant, (error as Error).message).to.include("grant");
    return grant;
  }

  it("gets an error that names the missing grant, one by one, until start succeeds", async () => {
    const create = await refused();
    expect(create).to.equal(`grant create on database "${test.name}" to ${role}`);
    // Another role creates the schema instead.
    const owner = await new Baton({ connection: test.url }).start();
    await owner.stop();
    const usage = await refused();
    expect(usage, "no more than it needs").to.equal(`grant usage on schema "baton" to ${role}`);
    await sql.query(usage);
    for (const table of ["migrations", "additions"]) {
      const grant = await refused();
      expect(grant).to.equal(`grant select on "baton".${table} to ${role}`).and.to.be.a("string");
      await sql.query(grant);
    }
    for (const table of ["jobs", "hosts"]) {
      const grant = await refused();
      expect(grant).to.include(`on "baton".${table}`);
      await sql.query(grant);
    }
    const caller = await new Baton({ connection, workers: WORKERS }).start();
    await caller.insert(double.new({ int: 1 }));
    await caller.stop();
    for (const table of ["jobs", "hosts"]) {
      const grant = await refused({ default: 1 });
      expect(grant).to.include(`delete on "baton".${table}`);
      await sql.query(grant);
    }
    const host = await new Baton({ connection, workers: WORKERS, queues: { default: 1 }, threads: 1 }).start();
    expect(await host.call(double.new({ int: 2 }), 20_000)).to.equal(4);
    await host.stop();
  }).timeout(60_000);

  it("needs the right to create in a schema that exists but is empty", async () => {
    await sql.query(`create schema empty; grant usage on schema empty to ${role}`);
    const error: unknown = await new Baton({ connection, prefix: "empty" }).start().catch((reason: unknown) => reason);
    expect((error as Error).message).to.match(/superuser: grant usage, create on schema "empty" to /);
  });

  it("is referred to the owner if the schema is of an earlier release", async () => {
    await sql.query("delete from baton.additions");
    const error: unknown = await new Baton({ connection }).start().catch((reason: unknown) => reason);
    expect(error).to.include({ code: "ERR_BATON_DATABASE_REFUSED" });
    expect((error as Error).message).to.include("Start this release once as the role that owns baton.jobs");
    await (await new Baton({ connection: test.url }).start()).stop();
    await (await new Baton({ connection }).start()).stop();
  }).timeout(60_000);

  it("gets typed errors from counts() and jobs(), which never throw synchronously", async () => {
    const unstarted = new Baton({ connection });
    const counts = unstarted.counts().catch((error: unknown) => error);
    expect(await counts).to.include({ code: "ERR_BATON_NOT_STARTED" });
    const jobs = unstarted.jobs().next();
    expect(await jobs.catch((error: unknown) => error)).to.include({ code: "ERR_BATON_NOT_STARTED" });
    const caller = await new Baton({ connection }).start();
    await sql.query(`revoke select on baton.jobs from ${role}`);
    for (const call of [() => caller.counts(), () => caller.jobs().next()]) {
      const error: unknown = await call().catch((reason: unknown) => reason);
      expect(error).to.be.instanceOf(DatabaseError);
      expect(error).to.include({ code: "ERR_BATON_DATABASE_REFUSED" });
    }
    await caller.stop();
  }).timeout(60_000);
});
