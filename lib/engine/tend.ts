import type { ClaimKey } from "./claim-key.js";
import { offered, peers, SEEN, tablesOf, wake } from "./fragments.js";
import { arrayOf, operation, Parameters } from "./parameters.js";

/** A host as a look at the table shows it. */
export interface Sighting {
  readonly id: string;
  /** Changes with each heartbeat, and means nothing else. */
  readonly beat: number;
  /** Like {@link beat}. Heartbeats of older releases change only this. */
  readonly seen: number;
  /**
   * The advisory lock that its session holds; null if its sessions show none, as behind a pooler.
   */
  readonly lockKey: string | null;
  /** Whether the lock is free. */
  readonly free: boolean;
}

/** A look at the table. */
export interface LookRequest {
  readonly host: string;
  /** Most due jobs to make available. */
  readonly limit: number;
  readonly queues: readonly string[];
  /** Whether to return the jobs that the host holds in the table. */
  readonly compare: boolean;
}

/** The result of a look. */
export interface Tended {
  /** How many scheduled and retryable jobs were due and became available. */
  readonly staged: number;
  /** Queues that have available jobs of this host's workers. */
  readonly queues: readonly string[];
  readonly hosts: readonly Sighting[];
  /**
   * By queue, the ids of the live hosts that serve it with the same workers as this one, its own
   * included.
   */
  readonly peers: Readonly<Record<string, readonly string[]>>;
  /** The jobs that this host holds in the table; null if the look did not compare. */
  readonly held: readonly ClaimKey[] | null;
  /** Hosts that hold jobs without being registered. */
  readonly orphans: readonly string[];
}

/** A look as the statement returns it. `hosts`, `peers` and `held` are JSON text. */
export interface TendedRow extends Pick<Tended, "staged" | "queues" | "orphans"> {
  /** Queues that have foreign jobs at the head. */
  readonly mixed: readonly string[];
  readonly hosts: string | null;
  readonly peers: string;
  readonly held: string | null;
}

type HostFields = readonly [id: string, beat: number, seen: number, lockKey: string | null, free: boolean];
type HeldFields = readonly [id: number, claim: number];

/**
 * How many jobs at the head of a queue are checked for foreign ones, to choose the claim statement.
 */
const HEAD = 64;

const PARAMETERS = new Parameters(["host", "limit", "queues", "compare", "notify"]);

/**
 * The look of a host, every 0.8 s: everything that it checks, in one round trip.
 *
 * - `due` locks scheduled and retryable jobs whose time has come, up to `limit`; `staged` makes
 *   them available and notifies their queues.
 * - `queues`: those of the given queues that have available jobs of this host's workers.
 * - `mixed`: those with foreign jobs at the head.
 * - `hosts`: {@link HostFields} of each. A lock that this transaction gets is free, and is released
 *   with it; it is shared, so that looks of two hosts do not take each other for the owner.
 * - `peers`: see {@link peers}.
 * - `held`: {@link HeldFields} of the jobs that this host holds in the table, if `compare`.
 * - `orphans`: hosts that hold jobs without being registered.
 */
export function tend(prefix: string) {
  const { jobs, hosts } = tablesOf(prefix);
  const { $ } = PARAMETERS;
  const queues = `${$.queues}::pg_catalog.text[]`;
  const workers = `(select workers from ${hosts} where id = ${$.host})`;
  return operation(
    "tend",
    `with due as materialized (
      select id from ${jobs} where state in (0, 3) and scheduled_at <= pg_catalog.now()
      order by scheduled_at limit ${$.limit} for update skip locked
    ), staged as (
      update ${jobs} j set state = 1 where id = any(array(select id from due)) and state + 0 in (0, 3)
      returning ${wake(prefix, $.notify)}
    ) select (select pg_catalog.count(*)::int from staged) as staged,
      array(select q from pg_catalog.unnest(${queues}) q where ${offered(prefix, "q", workers)}) as queues,
      array(select q from pg_catalog.unnest(${queues}) q where exists (select from (
        select worker from ${jobs} where state = 1 and queue = q order by priority, scheduled_at, id limit ${HEAD}
      ) head where worker <> all(${workers}::pg_catalog.text[]))) as mixed,
      (select pg_catalog.json_agg(pg_catalog.json_build_array(id, beat, ${SEEN}, lock_key::pg_catalog.text,
        lock_key is not null and pg_catalog.pg_try_advisory_xact_lock_shared(lock_key))) from ${hosts}) as hosts,
      ${peers(prefix, queues, $.host)} as peers,
      case when ${$.compare}::boolean then
        (select pg_catalog.json_agg(pg_catalog.json_build_array(id, claim)) from ${jobs}
          where state = 2 and attempted_by = ${$.host})
      end as held,
      array(select distinct attempted_by from ${jobs} j where state = 2 and attempted_by <> ${$.host}
        and not exists (select from ${hosts} h where h.id = j.attempted_by)) as orphans`,
    ({ queues, ...look }: LookRequest) => PARAMETERS.values({ ...look, queues: arrayOf(queues) }),
  );
}

/**
 * A host without jobs has null for `held`, like a look that did not compare: `compared` tells them
 * apart.
 */
export function toTended(row: TendedRow, { compared }: { readonly compared: boolean }): Tended {
  const { staged, queues, orphans } = row;
  const hosts = JSON.parse(row.hosts ?? "[]") as readonly HostFields[];
  const held = JSON.parse(row.held ?? "[]") as readonly HeldFields[];
  return {
    staged,
    queues,
    orphans,
    peers: JSON.parse(row.peers) as Tended["peers"],
    hosts: hosts.map(([id, beat, seen, lockKey, free]) => ({ id, beat, seen, lockKey, free })),
    held: compared ? held.map(([id, claim]) => ({ id, claim })) : null,
  };
}
