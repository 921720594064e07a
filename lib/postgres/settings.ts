/**
 * The settings that Baton's statements depend on, which override those of the role and database.
 */

/**
 * Time limits of a session's statements, enforced by the server. Values as PostgreSQL shows them.
 */
export interface Limits {
  readonly statement_timeout: string;
  readonly lock_timeout: string;
}

/**
 * The server must give up a statement before the client does (`watchdog.ts`): a statement that the
 * client has given up must not commit later. A bulk statement takes as long as its bytes do, which
 * only the client sees; there the server limits the wait for a lock.
 */
export const LIMITS = {
  statements: { statement_timeout: "10s", lock_timeout: "0" },
  bulk: { statement_timeout: "10min", lock_timeout: "10s" },
  heartbeat: { statement_timeout: "2s", lock_timeout: "0" },
  control: { statement_timeout: "5s", lock_timeout: "0" },
  none: { statement_timeout: "0", lock_timeout: "0" },
} as const satisfies Record<string, Limits>;

/**
 * Planner settings, so that a statement's plan fits every size of the table.
 *
 * - Without sequential scans, hash and merge joins, a batch looks up each row by index from the
 *   start. Planned on an empty table, it would otherwise keep a scan when the table has millions.
 * - Without bitmap scans, a claim reads the first rows in order. A bitmap brings all available
 *   jobs, to be sorted: 12 ms instead of 0.6 with 15,000 jobs waiting.
 * - With generic plans, PostgreSQL plans each statement once. By itself it plans each batch anew,
 *   which takes as long as its execution.
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
 * Settings that change what statements mean. `default_transaction_read_only` and
 * `synchronous_commit` are left to the administrator, who fences off a server with the one and
 * chooses the durability with the other.
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

/** Never sent as startup options, since a server that lacks them would refuse to connect. */
const OF_LATER_VERSIONS = { idle_session_timeout: "0", transaction_timeout: "0" };

/** The settings of a session, by name. The server may lack some of them. */
export function settingsOf(limits: Limits): Readonly<Record<string, string>> {
  return { ...PLANNER, ...SEMANTICS, ...limits, ...OF_LATER_VERSIONS };
}

/** The settings as startup options. They follow the user's, since the last of two options wins. */
export function startupOptions(given: string, limits: Limits): string {
  const ours = Object.entries({ ...PLANNER, ...SEMANTICS, ...limits }).map(([name, value]) => {
    return `-c ${name}=${value.replaceAll(" ", "\\ ")}`;
  });
  return [given, ...ours].filter(Boolean).join(" ");
}
