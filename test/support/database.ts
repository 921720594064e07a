import { randomBytes } from "node:crypto";
import pg from "pg";
import { startEmbedded } from "../../lib/embedded.js";
import { engineAnswers, startContainer } from "./container.js";
import type { TestServer } from "./test-server.js";
import { until } from "./until.js";

/** A database for one test or suite. */
export interface TestDatabase {
  readonly name: string;
  readonly url: string;
  /**
   * Drops the database. Rejects if connections are still open two seconds later, and names them.
   */
  drop(): Promise<void>;
}

const open = new Map<string, TestDatabase>();
let server: Promise<TestServer> | undefined;

/**
 * The server of this test run, started on first use: that of DATABASE_URL if
 * set, else one in a container if there is an engine, else an embedded one.
 */
export function testDatabase(): Promise<TestServer> {
  server ??= choose();
  return server;
}

/** Creates an empty UTF8 database. Suites with hosts use `useSystem` instead, which drops it. */
export async function createDatabase(): Promise<TestDatabase> {
  const { url: base } = await testDatabase();
  const name = `baton_test_${process.pid}_${randomBytes(6).toString("hex")}`;
  await administer(base, (admin) => admin.query(`create database ${name} template template0 encoding 'UTF8'`));
  const url = new URL(base);
  url.pathname = `/${name}`;
  const drop = async (): Promise<void> => {
    if (open.delete(name)) await administer(base, (admin) => dropDatabase(admin, name));
  };
  const database = { name, url: url.href, drop };
  open.set(name, database);
  return database;
}

/**
 * Stops the server, if it was started, and names the databases that were
 * not dropped. For the root hooks.
 */
export async function stopTestDatabase(): Promise<readonly string[]> {
  if (server === undefined) return [];
  const running = await server;
  const forgotten = [...open.values()];
  const outcomes = await Promise.allSettled(forgotten.map((database) => database.drop()));
  server = undefined;
  await running.stop();
  return outcomes.map((outcome, i) =>
    outcome.status === "rejected" ? String(outcome.reason) : `database ${forgotten[i]?.name}, which was not dropped`,
  );
}

async function choose(): Promise<TestServer> {
  const chosen = await start();
  const version = await administer(chosen.url, async (admin) => {
    const { rows } = await admin.query<{ version: string }>("select current_setting('server_version') as version");
    return rows[0]?.version;
  });
  process.stderr.write(`database: PostgreSQL ${version}, ${chosen.kind}\n`);
  return chosen;
}

async function start(): Promise<TestServer> {
  const { DATABASE_URL } = process.env;
  if (DATABASE_URL) return { url: DATABASE_URL, kind: "the server of DATABASE_URL", stop: async () => undefined };
  if (await engineAnswers()) return await startContainer();
  // Tests of crashes start servers of their own, with fsync.
  const embedded = await startEmbedded({ fsync: false });
  const kind = "embedded (no DATABASE_URL, no container engine)";
  return { url: embedded.url, kind, stop: () => embedded.remove() };
}

async function dropDatabase(admin: pg.Client, name: string): Promise<void> {
  const connected = async (): Promise<readonly string[]> => {
    const { rows } = await admin.query<{ who: string }>(
      `select format('%s %s, whose last query was: %s', pid, application_name, query) as who
       from pg_stat_activity
       where datname = $1 and pid <> pg_backend_pid() and backend_type = 'client backend'`,
      [name],
    );
    return rows.map(({ who }) => who);
  };
  // The server takes a moment to notice a closed socket.
  const free = await until(async () => (await connected()).length === 0, "disconnects", 2_000).catch(() => false);
  const leaked = free ? [] : await connected();
  await admin.query(`drop database ${name} with (force)`);
  if (leaked.length > 0) {
    throw new Error(`Connections were left open to ${name}:\n${leaked.join("\n")}`);
  }
}

async function administer<T>(url: string, work: (admin: pg.Client) => Promise<T>): Promise<T> {
  const admin = new pg.Client({ connectionString: url, application_name: "test support" });
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.end();
  }
}
