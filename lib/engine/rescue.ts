import { type Ending, endingValues } from "./ending.js";
import { ALONE, expiry, SEEN, tablesOf, tell, wake, withError } from "./fragments.js";
import { operation, Parameters } from "./parameters.js";
import type { Sighting } from "./tend.js";

/** A host found lost, whose jobs are to be rescued. */
export interface Loss {
  readonly id: string;
  /**
   * Its last sign of life; a later one makes the rescue do nothing. Null for a host that is not
   * registered.
   */
  readonly sighting: Sighting | null;
  /** Whether its lock must still be free. */
  readonly unlocked: boolean;
  /** Whether its process is known to have died: then its jobs may have been the cause. */
  readonly died: boolean;
}

/** The result of a rescue. */
export interface Rescued {
  readonly jobs: number;
  /** How many of these had no attempt left. */
  readonly discarded: number;
  /**
   * Whether the rescue deregistered the host; false if it was not registered, or has shown life.
   */
  readonly gone: boolean;
}

const PARAMETERS = new Parameters([
  "host",
  "beat",
  "seen",
  "lockKey",
  "unlocked",
  "died",
  "head",
  "bytes",
  "error",
  "notify",
]);

/**
 * Deregisters a lost host and returns its jobs to work, if the host has shown no life since the
 * sighting that was judged.
 *
 * - `doomed` locks the host's row if `beat`, `seen` and `lockKey` are still those of the sighting,
 *   and if `unlocked`, the lock is still free. It is empty for an orphan (`beat` is null), whose
 *   jobs are rescued if it is still not registered.
 * - `held` locks the host's jobs. Those that had begun have spent an attempt. They are `exhausted`
 *   if it was the last: discarded with the answer and the error given. They are `blamed` if the
 *   process is known to have `died`, unless they ran alone, in a process of their own.
 * - `done` counts blamed jobs as present (`deaths`) and, if they had begun, as possible causes
 *   (`crashes`). It notifies the queues and the awaiters.
 *
 * @param retention ms that a finished row is kept.
 */
export function rescue(prefix: string, retention: number) {
  const { jobs, hosts } = tablesOf(prefix);
  const { $ } = PARAMETERS;
  const [head, bytes] = [`${$.head}::pg_catalog.text`, `${$.bytes}::pg_catalog.bytea`];
  const told = { host: "''", head: `case when h.exhausted then ${head} end`, bytes, notify: $.notify };
  return operation(
    "rescue",
    `with doomed as materialized (
      select id from ${hosts} where id = ${$.host} and beat = ${$.beat}::bigint and ${SEEN} = ${$.seen}::bigint
        and lock_key is not distinct from ${$.lockKey}::bigint
        and (not ${$.unlocked}::boolean or pg_catalog.pg_try_advisory_xact_lock(lock_key)) for update skip locked
    ), gone as (
      delete from ${hosts} where id in (select id from doomed)
    ), held as materialized (
      select id, attempted_at is not null as begun, attempted_at is not null and attempt >= max_attempts as exhausted,
        ${$.died}::boolean and not ${ALONE} as blamed
      from ${jobs} where state = 2 and attempted_by = ${$.host} and (exists (select from doomed)
        or ${$.beat}::bigint is null and not exists (select from ${hosts} where id = ${$.host}))
      order by id for update skip locked
    ), done as (
      update ${jobs} j set state = case when h.exhausted then 5 else 1 end, deaths = j.deaths + h.blamed::int,
        crashes = j.crashes + (h.blamed and h.begun)::int,
        finished_at = case when h.exhausted then pg_catalog.now() end,
        expires_at = case when h.exhausted then ${expiry("pg_catalog.now()", retention)} end,
        errors = ${withError(`case when h.begun then ${$.error}::pg_catalog.text end`)},
        result = case when h.exhausted then ${head}::pg_catalog.bytea || ${bytes} else j.result end
      from held h where j.id = h.id and j.state + 0 = 2 and j.attempted_by = ${$.host}
      returning j.id, h.exhausted, ${wake(prefix, $.notify)}, ${tell(prefix, told)}
    ) select pg_catalog.count(*)::int as jobs, (pg_catalog.count(*) filter (where exhausted))::int as discarded,
      exists (select from doomed) as gone
    from done`,
    ({ id, sighting, unlocked, died }: Loss, exhausted: Ending) => {
      const { beat = null, seen = null, lockKey = null } = sighting ?? {};
      return PARAMETERS.values({ host: id, beat, seen, lockKey, unlocked, died, ...endingValues(exhausted) });
    },
  );
}
