import type pg from "pg";
import type { ServerClient } from "../postgres/client.js";
import type { Database } from "../postgres/database.js";
import { named } from "./fragments.js";

/**
 * Indexes that came after the first release. A large table gets them without blocking its writers.
 * Without one, statements are slower but correct.
 */
const INDEXES: Readonly<Record<string, string>> = {
  jobs_claim_worker: "(queue, worker, priority, scheduled_at, id) where state + 1 = 2",
  jobs_expire: "(expires_at) where state >= 4",
};

/** Most bytes of a small table: building an index blocks its writers for a moment only. */
const SMALL = 8 * 1_024 * 1_024;

const SIZE = "select pg_catalog.pg_relation_size($1::pg_catalog.text::pg_catalog.regclass) as size";

/**
 * Reads whether indexes are valid: one is not while it is being built, nor after a build that
 * failed.
 */
const STATES = named(
  "indexes",
  `select c.relname as name, i.indisvalid as valid from pg_catalog.pg_index i
    join pg_catalog.pg_class c on c.oid = i.indexrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where n.nspname = $1 and c.relname = any($2::pg_catalog.text[])`,
);

/**
 * Tries to get the lock that lets one host at a time build. The lock belongs to the transaction:
 * behind a pooler, other hosts share the session. The key stands in the text: with a parameter, the
 * extended protocol would keep a portal and its snapshot open, and the build would wait for that
 * snapshot forever.
 */
function lock(prefix: string): string {
  const key = `pg_catalog.hashtextextended('pg-baton indexes of ${prefix}', 0)`;
  return `select pg_catalog.pg_try_advisory_xact_lock(${key}) as got`;
}

interface IndexState {
  readonly name: string;
  readonly valid: boolean;
}

/** Builds the indexes in a migration's transaction, if the table is small. */
export async function buildSmall(client: pg.ClientBase, prefix: string): Promise<void> {
  const { rows } = await client.query<{ size: number }>(SIZE, [`"${prefix}".jobs`]);
  if (Number(rows[0]?.size) > SMALL) return;
  for (const [name, definition] of Object.entries(INDEXES)) {
    await client.query(`create index if not exists ${name} on "${prefix}".jobs ${definition}`);
  }
}

/**
 * Builds the indexes that are missing or invalid, without blocking writers. Does nothing while
 * another host builds them. PostgreSQL waits for every transaction that is open in the database, so
 * this may take hours: do not await it before a host starts. Stopping the database ends the build,
 * and the next start resumes it.
 */
export async function buildIndexes(database: Database, prefix: string): Promise<void> {
  if ((await unfinished(database, prefix)).length === 0) return;
  await database.alone(async (holder) => {
    await holder.query("begin");
    await holder.query("set local idle_in_transaction_session_timeout = 0");
    const { rows } = await holder.query<{ got: boolean }>(lock(prefix));
    if (rows[0]?.got === true) await database.alone((builder) => build(database, builder, prefix));
  });
}

async function build(database: Database, builder: ServerClient, prefix: string): Promise<void> {
  // Read again: another host may have finished them before this one got the lock.
  for (const name of await unfinished(database, prefix)) {
    await builder.query(`drop index concurrently if exists "${prefix}".${name}`);
    await builder.query(`create index concurrently ${name} on "${prefix}".jobs ${INDEXES[name]}`);
  }
}

/** The names of the indexes that are missing or invalid. */
async function unfinished(database: Database, prefix: string): Promise<string[]> {
  const rows = await database.query<IndexState>(STATES, [prefix, Object.keys(INDEXES)]);
  const valid = new Set(rows.filter((row) => row.valid).map(({ name }) => name));
  return Object.keys(INDEXES).filter((name) => !valid.has(name));
}
