import { type ClaimedJob, compareJobs } from "../job/job.js";
import type { Database } from "../postgres/database.js";
import { CLAIMED_COLUMNS, type ClaimedRow, toClaimed } from "./claimed.js";
import { AVAILABLE, relaxed, tablesOf } from "./fragments.js";
import { type Operation, operation, Parameters } from "./parameters.js";

/** A request for jobs of a queue. */
export interface ClaimRequest {
  readonly queue: string;
  /** How many jobs at most. */
  readonly limit: number;
  /** The host, which gets jobs of the workers that it has registered and no others. */
  readonly host: string;
  /** How many of the jobs begin at once. */
  readonly begin: number;
}

/** What a claim brought. */
export interface ClaimResult {
  /** In the order to run them. */
  readonly jobs: ClaimedJob[];
  /** Whether the queue may have more: the claim reached its limit. */
  readonly more: boolean;
}

/** The order in which jobs run. The index `jobs_claim` has it too. */
const ORDER = "priority, scheduled_at, id";

const PARAMETERS = new Parameters(["queue", "limit", "host", "begin"]);

/**
 * The statements that claim jobs. Both claim the same jobs. `claim` scans past foreign jobs: those
 * of workers that the host does not have. `claimMixed` reads none of them, and costs more. With
 * 100,000 foreign jobs at the head of the queue, `claim` takes 15 to 25 ms longer, `claimMixed` no
 * longer than without.
 *
 * Claims do not wait for the disk: a job whose claim is lost is claimed again. A host that was
 * declared lost is not registered, and claims nothing. Jobs beyond the first `begin` are only held:
 * their attempts count once they begin (`begin`, or `complete`).
 */
export function claim(prefix: string) {
  const { jobs, hosts } = tablesOf(prefix);
  const { $ } = PARAMETERS;
  const values = (request: ClaimRequest): unknown[] => PARAMETERS.values(request);

  /** Whether row `j` is among the jobs that begin at once. */
  const begins = `(j.id = any((select ids[1:${$.begin}::int] from picked)::bigint[]))`;

  /** Claims the rows that `picked` has locked. `state + 0` keeps the planner to the primary key. */
  const claimPicked = `update ${jobs} j set state = 2, claim = j.claim + 1, attempted_by = ${$.host},
      attempt = j.attempt + ${begins}::int, attempted_at = case when ${begins} then pg_catalog.now() end
    where ${relaxed(`from ${hosts} where id = ${$.host}`)} and j.state + 0 = 1
      and j.id = any((select ids from picked)::bigint[])
    returning ${CLAIMED_COLUMNS}`;

  /** Selects a worker's available jobs. */
  const availableOf = (worker: string, columns: string): string => `select ${columns} from ${jobs}
    where ${AVAILABLE} and queue = ${$.queue} and worker = ${worker}`;

  return {
    /**
     * Claims where few foreign jobs wait in the queue. `picked` locks the first jobs of the host's
     * workers; `is true` keeps the planner from the index `jobs_claim_worker`.
     */
    claim: operation(
      "claim",
      `with picked as materialized (select array(
        select id from ${jobs} where state = 1 and queue = ${$.queue}
          and (worker = any((select workers from ${hosts} where id = ${$.host})::pg_catalog.text[])) is true
        order by ${ORDER} limit ${$.limit} for update skip locked
      ) as ids) ${claimPicked}`,
      values,
    ),

    /**
     * Claims past any number of foreign jobs.
     *
     * - `heads`: the first job of each of the host's workers, best first.
     * - `shares`: how many of the best jobs each worker has, up to the limit, and the worst
     *   priority among them.
     * - `picked` locks that many of each worker. Jobs that another host has locked are replaced by
     *   later ones of the same worker, down to that priority, so no job overtakes one of a higher
     *   priority.
     */
    claimMixed: operation(
      "claim_mixed",
      `with heads as materialized (
        select mine.worker, pg_catalog.row_number() over (order by t.priority, t.scheduled_at, t.id) as rank
        from pg_catalog.unnest((select workers from ${hosts} where id = ${$.host})) as mine(worker)
        cross join lateral (${availableOf("mine.worker", ORDER)} order by ${ORDER} limit 1) t
        order by rank limit ${$.limit}
      ), shares as materialized (
        select worker, pg_catalog.count(*) as share, pg_catalog.max(pg_catalog.max(priority)) over () as worst from (
          select heads.worker, t.priority from heads
          cross join lateral (
            ${availableOf("heads.worker", ORDER)} order by ${ORDER} limit ${$.limit} - rank + 1
          ) t
          order by t.priority, t.scheduled_at, t.id limit ${$.limit}
        ) best group by worker
      ), picked as materialized (select array(
        select t.id from shares cross join lateral (
          ${availableOf("shares.worker", ORDER)} and priority <= shares.worst
          order by ${ORDER} limit share for update skip locked
        ) t order by t.priority, t.scheduled_at, t.id
      ) as ids) ${claimPicked}`,
      values,
    ),
  };
}

/** Claims jobs for one host, with the cheaper of the two statements for each queue. */
export class Claims {
  readonly #database: Database;
  readonly #operations: ReturnType<typeof claim>;
  readonly #host: string;
  /** Queues where the last look found no foreign job at the head. Others may be full of them. */
  #pure: ReadonlySet<string> = new Set();

  constructor(database: Database, operations: ReturnType<typeof claim>, host: string) {
    this.#database = database;
    this.#operations = operations;
    this.#host = host;
  }

  /** Records that a look at these queues found foreign jobs at the head of the mixed ones. */
  notice(queues: readonly string[], mixed: readonly string[]): void {
    this.#pure = new Set(queues.filter((queue) => !mixed.includes(queue)));
  }

  async claim(queue: string, limit: number, begin: number): Promise<ClaimResult> {
    const { claim, claimMixed } = this.#operations;
    const statement: Operation<[ClaimRequest]> = this.#pure.has(queue) ? claim : claimMixed;
    const values = statement.values({ queue, limit, host: this.#host, begin });
    const rows = await this.#database.query<ClaimedRow>(statement, values);
    return { jobs: rows.map(toClaimed).sort(compareJobs), more: rows.length === limit };
  }
}
