import type pg from "pg";
import type { ServerClient } from "../postgres/client.js";
import type { Database } from "../postgres/database.js";
import { named } from "./fragments.js";

/**
 * Indexes that came after the first release. A large table gets them while its writers go on. Without one, statements are
 * slower, and no less right.
 */
const INDEXES: Readonly<Record<string, string>> = {
  jobs_claim_worker: "(queue, worker, priority, scheduled_at, id) where state + 1 = 2",
  jobs_expire: "(expires_at) where state >= 4",
};

/** Bytes of a table up to which building an index holds its writers up for only a moment. */
const SMALL = 8 * 1_024 * 1_024;

const SIZE = "select pg_catalog.pg_relation_size($1::pg_catalog.text::pg_catalog.regclass) as size";

/** An index is not valid while it is being built, and after a build that failed. */
const STATES = named(
  "indexes",
  `select c.relname as name, i.indisvalid as valid from pg_catalog.pg_index i
    join pg_catalog.pg_class c on c.oid = i.indexrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where n.nspname = $1 and c.relname = any($2::pg_catalog.text[])`,
);

/**
 * One host at a time builds. A transaction's lock, since behind a pooler a session's would be anybody's. Without a parameter: the
 * extended protocol would leave a portal open with its snapshot, for which the build would wait for ever.
 */
function lock(prefix: string): string {
  const key = `pg_catalog.hashtextextended('pg-baton indexes of ${prefix}', 0)`;
  return `select pg_catalog.pg_try_advisory_xact_lock(${key}) as got`;
}

interface IndexState {
  readonly name: string;
  readonly valid: boolean;
}

/** Builds the indexes within a migration's transaction if the table is small. */
export async function buildSmall(client: pg.ClientBase, prefix: string): Promise<void> {
  const { rows } = await client.query<{ size: number }>(SIZE, [`"${prefix}".jobs`]);
  if (Number(rows[0]?.size) > SMALL) return;
  for (const [name, definition] of Object.entries(INDEXES)) {
    await client.query(`create index if not exists ${name} on "${prefix}".jobs ${definition}`);
  }
}

/**
 * Builds the indexes that are missing, or were left invalid by a build that failed, and blocks no writer. Does nothing while
 * another host builds them. It waits for every transaction that is open in the database, so it may take hours: nobody should
 * wait for it. What it has not done when the database is stopped is left to the next start.
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
  // Asked again: another host may have finished them meanwhile.
  for (const name of await unfinished(database, prefix)) {
    await builder.query(`drop index concurrently if exists "${prefix}".${name}`);
    await builder.query(`create index concurrently ${name} on "${prefix}".jobs ${INDEXES[name]}`);
  }
}

/** Those that are not there, or not valid. */
async function unfinished(database: Database, prefix: string): Promise<string[]> {
  const rows = await database.query<IndexState>(STATES, [prefix, Object.keys(INDEXES)]);
  const valid = new Set(rows.filter((row) => row.valid).map(({ name }) => name));
  return Object.keys(INDEXES).filter((name) => !valid.has(name));
}
