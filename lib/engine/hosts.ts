import { ATTEMPT, tablesOf, wake } from "./fragments.js";
import { arrayOf, operation, Parameters } from "./parameters.js";

/** What a host registers as. */
export interface Registration {
  readonly name: string;
  /** The limits of its queues, by name. */
  readonly queues: Readonly<Record<string, number>>;
  readonly workers: readonly string[];
  readonly version: string;
  readonly lockKey: string | null;
}

const REGISTER = new Parameters(["id", "name", "queues", "workers", "version", "lockKey"]);
const HEARTBEAT = new Parameters(["host", "lockKey"]);
const UNREGISTER = new Parameters(["host", "notify"]);

/** The statements that register a host, raise its beat, and deregister it. */
export function hosts(prefix: string) {
  const { jobs, hosts } = tablesOf(prefix);
  const { $ } = REGISTER;
  return {
    /** Inserts the host's row. A retry after a lost reply finds it, and counts as a heartbeat. */
    register: operation(
      "register",
      `insert into ${hosts} (id, name, queues, workers, version, lock_key)
      values (${$.id}, ${$.name}, ${$.queues}, ${$.workers}, ${$.version}, ${$.lockKey})
      on conflict (id) do update set lock_key = excluded.lock_key, beat = ${hosts}.beat + 1
      returning beat`,
      (id: string, { name, queues, workers, version, lockKey }: Registration) =>
        REGISTER.values({ id, name, queues: JSON.stringify(queues), workers: arrayOf(workers), version, lockKey }),
    ),

    /**
     * Raises the beat. Returns no row if the host was declared lost. Keys only rise, so a late
     * heartbeat of an earlier connection does not restore its lock. A heartbeat without a key
     * clears the lock: none of the host's sessions holds one. Older releases judge by `seen_at`.
     */
    heartbeat: operation(
      "heartbeat",
      `update ${hosts} set beat = beat + 1, seen_at = pg_catalog.now(), suspected_at = null,
        lock_key = case when ${HEARTBEAT.$.lockKey}::bigint is not null
          then greatest(lock_key, ${HEARTBEAT.$.lockKey}) end
      where id = ${HEARTBEAT.$.host} returning beat`,
      (host: string, lockKey: string | null) => HEARTBEAT.values({ host, lockKey }),
    ),

    /**
     * Deletes the host's row. `held` and `freed` release the jobs that the host still holds in the
     * table, from claims whose reply was lost, and notify their queues.
     */
    unregister: operation(
      "unregister",
      `with held as materialized (
        select id from ${jobs} where state = 2 and attempted_by = ${UNREGISTER.$.host}
        order by id for update skip locked
      ), freed as (
        update ${jobs} j set state = 1, attempt = ${ATTEMPT} - 1
        where id = any(array(select id from held)) and state + 0 = 2 and attempted_by = ${UNREGISTER.$.host}
        returning ${wake(prefix, UNREGISTER.$.notify)}
      ), gone as (
        delete from ${hosts} where id = ${UNREGISTER.$.host}
      ) select from freed`,
      (host: string) => UNREGISTER.values({ host }),
    ),
  };
}
