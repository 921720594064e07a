import { ATTEMPT, AVAILABLE, awaited, ms, named, relaxed, SUSPICION, tablesOf } from "./fragments.js";

const CLAIMED_COLUMNS = `j.id, j.claim, j.worker, j.queue, j.args, j.meta, j.tags, j.priority, ${ATTEMPT} as attempt,
  j.max_attempts as "maxAttempts", ${SUSPICION} as suspicion, j.attempted_at is not null as begun,
  ${awaited("j")} as awaited, ${ms("j.scheduled_at")} as "scheduledAt", ${ms("j.inserted_at")} as "insertedAt",
  ${ms("coalesce(j.attempted_at, pg_catalog.now())")} as "attemptedAt", j.ref`;

/** Whether a job is among those of a claim that begin at once. */
const FIRST = "(j.id = any((select ids[1:$4::int] from picked)::bigint[]))";

const ORDER = "priority, scheduled_at, id";

/**
 * The statements that claim jobs of queue $1, $2 at most, for host $3, which runs the jobs of the
 * workers it has registered and no others. Both claim the same jobs: `claim` costs what a claim of
 * any worker's jobs costs, but reads past foreign jobs; `claimMixed` reads none of them. With 100,000
 * foreign jobs at the head of the queue the one takes 15 to 25 ms more, the other nothing.
 *
 * A lost claim is only claimed again, so no claim waits for the disk. A host that was declared lost
 * is not registered, and claims nothing. The first $4 jobs begin at once, and their attempts count
 * from here. The others are only held: their attempts count once they begin (`begin`, or
 * `complete`).
 */
export function claiming(prefix: string) {
  const { jobs, hosts } = tablesOf(prefix);

  const claimed = `update ${jobs} j set state = 2, claim = j.claim + 1, attempted_by = $3, attempt = j.attempt + ${FIRST}::int,
      attempted_at = case when ${FIRST} then pg_catalog.now() end
    where ${relaxed(`from ${hosts} where id = $3`)} and j.state + 0 = 1 and j.id = any((select ids from picked)::bigint[])
    returning ${CLAIMED_COLUMNS}`;

  /** A worker's available jobs. */
  const ofWorker = (worker: string, columns: string): string => `select ${columns} from ${jobs}
    where ${AVAILABLE} and queue = $1 and worker = ${worker}`;

  return {
    /** Claims where few foreign jobs wait in the queue. `is true` keeps the planner from jobs_claim_worker. */
    claim: named(
      "claim",
      `with picked as materialized (select array(
        select id from ${jobs} where state = 1 and queue = $1
          and (worker = any((select workers from ${hosts} where id = $3)::pg_catalog.text[])) is true
        order by ${ORDER} limit $2 for update skip locked
      ) as ids) ${claimed}`,
    ),

    /**
     * Claims whatever else is in the queue. `heads`: each worker's first job, best first. `shares`:
     * how many of the best $2 jobs each worker has, and their worst priority. Only so many are
     * locked. What another host has locked is made up for by later jobs of the same worker, down to
     * that priority: so no job passes one of a higher priority.
     */
    claimMixed: named(
      "claim_mixed",
      `with heads as materialized (
        select mine.worker, pg_catalog.row_number() over (order by t.priority, t.scheduled_at, t.id) as rank
        from pg_catalog.unnest((select workers from ${hosts} where id = $3)) as mine(worker) cross join lateral (${ofWorker("mine.worker", ORDER)} order by ${ORDER} limit 1) t
        order by rank limit $2
      ), shares as materialized (
        select worker, pg_catalog.count(*) as share, pg_catalog.max(pg_catalog.max(priority)) over () as worst from (
          select heads.worker, t.priority from heads
          cross join lateral (${ofWorker("heads.worker", ORDER)} order by ${ORDER} limit $2 - rank + 1) t
          order by t.priority, t.scheduled_at, t.id limit $2
        ) best group by worker
      ), picked as materialized (select array(
        select t.id from shares cross join lateral (
          ${ofWorker("shares.worker", ORDER)} and priority <= shares.worst order by ${ORDER} limit share for update skip locked
        ) t order by t.priority, t.scheduled_at, t.id
      ) as ids) ${claimed}`,
    ),
  };
}
