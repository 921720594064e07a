/** What the sessions of our statements have to be like, whatever a role or a database has set. */

/** What a server may spend on a statement of a session before it ends the statement. Values as PostgreSQL shows them. */
export interface Limits {
  readonly statement_timeout: string;
  readonly lock_timeout: string;
}

/**
 * The server gives a statement up before the client does (`database.ts`): what the client has given up must not be committed
 * later. Statements in bulk take as long as their bytes do, which only the client sees: here a lock is what must not last.
 */
export const LIMITS = {
  statements: { statement_timeout: "10s", lock_timeout: "0" },
  bulk: { statement_timeout: "10min", lock_timeout: "10s" },
  heartbeat: { statement_timeout: "2s", lock_timeout: "0" },
  control: { statement_timeout: "5s", lock_timeout: "0" },
  none: { statement_timeout: "0", lock_timeout: "0" },
} as const satisfies Record<string, Limits>;

/**
 * Planner settings. A batch statement that is first planned on an empty table would keep its sequential scan, or a join that
 * reads all of the table, when that has grown to millions of rows; without the choice it takes the index for each row from the
 * start. A claim would sort what a bitmap brings, all that is available, instead of reading its first rows in order: 12 ms
 * instead of 0.6 with 15,000 jobs waiting. And one plan for all calls: by itself PostgreSQL plans the batches anew each time, which takes as long as running them.
 */
const PLANNER = {
  enable_seqscan: "off",
  enable_hashjoin: "off",
  enable_mergejoin: "off",
  enable_nestloop: "on",
  enable_indexscan: "on",
  enable_bitmapscan: "off",
  plan_cache_mode: "force_generic_plan",
  jit: "off",
};

/**
 * What our statements depend on. `default_transaction_read_only` and `synchronous_commit` are not among it: with these an
 * administrator fences a server off, or chooses how durable it is.
 */
const SEMANTICS = {
  search_path: "pg_catalog,pg_temp",
  default_transaction_isolation: "read committed",
  datestyle: "ISO, MDY",
  timezone: "UTC",
  bytea_output: "hex",
  extra_float_digits: "1",
  array_nulls: "on",
  client_min_messages: "warning",
  idle_in_transaction_session_timeout: "1min",
};

/** Settings that some supported versions do not have: never startup options, since the server refuses unknown ones. */
const OF_LATER_VERSIONS = { idle_session_timeout: "0", transaction_timeout: "0" };

/** The settings of a session, by name; those that the server does not know do not matter. */
export function settingsOf(limits: Limits): Readonly<Record<string, string>> {
  return { ...PLANNER, ...SEMANTICS, ...limits, ...OF_LATER_VERSIONS };
}

/** The settings as startup options, after those that the user gave: of two, the later one holds. */
export function startupOptions(given: string, limits: Limits): string {
  const ours = Object.entries({ ...PLANNER, ...SEMANTICS, ...limits }).map(([name, value]) => {
    return `-c ${name}=${value.replaceAll(" ", "\\ ")}`;
  });
  return [given, ...ours].filter(Boolean).join(" ");
}
