import { setTimeout as sleep } from "node:timers/promises";
import { DatabaseError } from "../errors.js";
import type { Database } from "../postgres/database.js";
import { retryDelay } from "../backoff.js";
import { sqlState } from "../postgres/failure.js";
import { named } from "./fragments.js";
import { buildSmall } from "./indexes.js";
import { type Progress, rightsError } from "./rights.js";

/**
 * The schema, in numbered steps. A released step never changes; changes are new steps. Columns have
 * no check constraints: the server parses them from their text for every statement, and four of
 * them took 20 of its 150 µs.
 */
const STEPS: readonly ((schema: string) => string)[] = [
  (schema) => `
    create table ${schema}.jobs (
      id bigint generated always as identity primary key,
      inserted_at timestamptz not null default pg_catalog.now(),
      scheduled_at timestamptz not null default pg_catalog.now(),
      attempted_at timestamptz,
      finished_at timestamptz,
      claim integer not null default 0,
      state smallint not null default 1,
      priority smallint not null default 0,
      attempt smallint not null default 0,
      max_attempts smallint not null default 20,
      crashes smallint not null default 0,
      ref uuid,
      queue text not null,
      worker text not null,
      attempted_by text,
      args jsonb not null default '{}',
      meta jsonb not null default '{}',
      tags text[] not null default '{}',
      reply_to text[] not null default '{}',
      errors jsonb not null default '[]',
      result bytea
    );
    create unique index jobs_ref on ${schema}.jobs (ref);
    create index jobs_claim on ${schema}.jobs (queue, priority, scheduled_at, id) where state = 1;
    create index jobs_stage on ${schema}.jobs (scheduled_at) where state in (0, 3);
    create index jobs_executing on ${schema}.jobs (attempted_by) where state = 2;
    create index jobs_prune on ${schema}.jobs (finished_at) where state >= 4;
    create table ${schema}.hosts (
      id text primary key,
      name text not null,
      queues jsonb not null,
      version text not null,
      lock_key bigint,
      started_at timestamptz not null default pg_catalog.now(),
      seen_at timestamptz not null default pg_catalog.now(),
      suspected_at timestamptz
    );
    comment on column ${schema}.jobs.claim is 'how often it was claimed: with attempted_by the fence of every write';
    comment on column ${schema}.jobs.result is 'the last outcome: kind, encoding, then the codec''s bytes';
    comment on column ${schema}.hosts.lock_key is 'the advisory lock that its session holds; null: judge by seen_at alone';
    create view ${schema}.jobs_readable as
      select id, (array['scheduled', 'available', 'executing', 'retryable', 'completed', 'discarded', 'cancelled'])[state + 1]
        as state, queue, worker, args, meta, tags, priority, attempt, max_attempts, scheduled_at, inserted_at, attempted_at,
        finished_at, attempted_by, errors, ref, pg_catalog.octet_length(result) as result_bytes
      from ${schema}.jobs;`,
  // Results arrive compressed or incompressible, so compressing them again only takes time; and
  // bytes that are stored as they are can be read in slices. Writing 100 kB / 1 MB / 10 MB
  // takes 2.0 / 7-12 / 86 ms with this and 2.7 / 10 / 92 without. A side table took 1.9 / 7 /
  // 71 ms, since the server copies the bytes once less, but is a second row to write and prune;
  // reading and pruning took the same.
  (schema) => `alter table ${schema}.jobs alter column result set storage external;`,
  // Each job leaves two dead versions of its row, and of its entries in most indexes. By default
  // autovacuum removes them when a fifth of the table is dead, which is late for a table with a
  // day's finished rows. With this, half a million jobs at full speed ran 2 to 7 % faster. A
  // fillfactor changed nothing: no update can be heap-only, since `state` is in the predicate of
  // every partial index.
  (schema) =>
    `alter table ${schema}.jobs set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000);`,
  // Adds a beat that only rises as the sign of life, blame that distinguishes jobs that were
  // present from jobs that ran alone, a count of interruptions, retention stored with the row, and
  // claims by worker. The predicate of jobs_claim_worker (see indexes.ts) means state = 1 in a form
  // that only queries for this index use. Otherwise the statistics of one worker could lead the
  // planner to jobs_claim, and past every foreign job. jobs_prune goes: only an older release
  // prunes by finished_at, and without it reads the index of expires_at and sorts (90 ms for
  // 285,000 rows). Both indexes would cost each completion 64 bytes of WAL more, 13 %.
  (schema) => `
    alter table ${schema}.jobs
      add column if not exists deaths smallint not null default 0,
      add column if not exists alone smallint not null default 0,
      add column if not exists interruptions smallint not null default 0,
      add column if not exists expires_at timestamptz;
    alter table ${schema}.hosts add column if not exists beat bigint not null default 0, add column if not exists workers text[];
    drop index if exists ${schema}.jobs_prune;
    comment on column ${schema}.jobs.crashes is 'hosts that died after the job had begun on them';
    comment on column ${schema}.jobs.deaths is 'hosts that died while they held the job, begun or not';
    comment on column ${schema}.jobs.alone is 'processes that died while they ran the job alone';
    comment on column ${schema}.jobs.interruptions is 'stops in a row that interrupted the job before it ended';
    comment on column ${schema}.jobs.expires_at is 'when the finished row may be pruned; null: not decided yet';
    comment on column ${schema}.hosts.beat is 'rises with each heartbeat; observers time it by their own clocks';
    comment on column ${schema}.hosts.workers is 'the workers whose jobs it runs; null: not known (an older release)';`,
];

/**
 * The numbers of steps that an older release need not know: they only add tables, or columns with
 * defaults. They are recorded in a table of their own, `additions`, so that older releases go on
 * opening the schema, even those that do not know that table.
 */
const ADDITIONS: ReadonlySet<number> = new Set([4]);

/**
 * How long a step waits for a table. While it waits for an exclusive lock, every later statement
 * waits behind it. So it gives up early and retries: another session may hold the table for long.
 */
const LOCK_TIMEOUT = "1s";
const LOCK_NOT_AVAILABLE = "55P03";
/** Waits until no other host applies steps. */
const LOCK = "select pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended($1, 0))";
/** ms for which a step that cannot lock a table is retried. */
const PATIENCE = 30_000;
/** SQLSTATEs of a missing schema or table. */
const ABSENT: ReadonlySet<string> = new Set(["3F000", "42P01"]);

/**
 * Migrates the schema to this release. Safe when many hosts start at once: an advisory lock admits
 * one at a time. The role needs the right to create the schema; to own it, if it exists; or only to
 * use it, if it is up to date.
 *
 * @param patience ms for which a step that cannot lock a table is retried
 * @throws {@link DatabaseError} `ERR_BATON_SCHEMA_TOO_NEW` if a later release has made incompatible
 * changes; `ERR_BATON_DATABASE_REFUSED` if rights are missing, or another session keeps a table
 * locked
 */
export async function migrate(database: Database, prefix: string, patience = PATIENCE): Promise<void> {
  let progress: Progress = "unread";
  try {
    progress = await progressOf(database, prefix);
    if (progress !== "current") await applyPatiently(database, prefix, patience);
  } catch (error) {
    throw rightsError(error, prefix, database.user, progress);
  }
}

async function applyPatiently(database: Database, prefix: string, patience: number): Promise<void> {
  const since = performance.now();
  for (let failures = 1; ; failures += 1) {
    try {
      return await apply(database, prefix);
    } catch (error) {
      if (sqlState(error) !== LOCK_NOT_AVAILABLE) throw error;
      if (performance.now() - since > patience) throw busyError(prefix, error);
      await sleep(retryDelay(failures));
    }
  }
}

async function apply(database: Database, prefix: string): Promise<void> {
  const schema = `"${prefix}"`;
  await database.transaction(async (client) => {
    // Names without a schema in the steps mean PostgreSQL's own, whatever search path the role has.
    await client.query("set local search_path = pg_catalog, pg_temp");
    await client.query(LOCK, [`pg-baton migrations of ${prefix}`]);
    // Set only here: other hosts that start may wait long for the lock above.
    await client.query(`set local lock_timeout = '${LOCK_TIMEOUT}'`);
    // Checked first: "create schema if not exists" needs the right to create even if
    // the schema exists.
    const { rowCount } = await client.query("select from pg_catalog.pg_namespace where nspname = $1", [prefix]);
    if (rowCount === 0) await client.query(`create schema ${schema}`);
    for (const table of ["migrations", "additions"]) {
      await client.query(
        `create table if not exists ${schema}.${table}
          (step integer primary key, applied_at timestamptz not null default pg_catalog.now())`,
      );
    }
    const { rows } = await client.query<{ step: number }>(stepsOf(prefix));
    const done = new Set(rows.map(({ step }) => step));
    for (const [index, sql] of STEPS.entries()) {
      const step = index + 1;
      if (done.has(step)) continue;
      await client.query(sql(schema));
      const table = ADDITIONS.has(step) ? "additions" : "migrations";
      await client.query(`insert into ${schema}.${table} (step) values ($1)`, [step]);
    }
    await buildSmall(client, prefix);
  });
}

function busyError(prefix: string, cause: unknown): DatabaseError {
  const message = `Schema ${prefix} cannot be migrated: another session holds a lock on its tables. End its transaction`;
  return new DatabaseError("ERR_BATON_DATABASE_REFUSED", message, { cause });
}

/** Selects the steps that were applied, and whether a release must know them to open the schema. */
function stepsOf(prefix: string): string {
  return `select step, true as required from "${prefix}".migrations
    union all select step, false from "${prefix}".additions`;
}

/**
 * Reads how far the schema is migrated. Throws if a step was applied that this release must know
 * but does not.
 */
async function progressOf(database: Database, prefix: string): Promise<Progress> {
  const rows = await rowsOrNone<{ step: number; required: boolean }>(database, stepsOf(prefix));
  // A schema without the table of additions is new or of an older release.
  const known = rows ?? (await rowsOrNone<{ step: number }>(database, `select step from "${prefix}".migrations`)) ?? [];
  const newest = Math.max(0, ...known.filter((row) => !("required" in row) || row.required).map(({ step }) => step));
  if (newest > STEPS.length) {
    throw new DatabaseError(
      "ERR_BATON_SCHEMA_TOO_NEW",
      `Schema ${prefix} is at step ${newest}, but this release of pg-baton knows only ${STEPS.length} steps. Upgrade pg-baton, or use another prefix`,
    );
  }
  const done = new Set(known.map(({ step }) => step));
  if (rows !== null && STEPS.every((_, index) => done.has(index + 1))) return "current";
  return done.size > 0 ? "earlier" : "absent";
}

/** The rows of a query; null if a table or the schema does not exist. */
async function rowsOrNone<Row extends object>(database: Database, text: string): Promise<Row[] | null> {
  try {
    return await database.query<Row>(named("steps", text), []);
  } catch (error) {
    if (ABSENT.has(sqlState(error) ?? "")) return null;
    throw error;
  }
}
