import { AVAILABLE, has, named, serves, tablesOf } from "./fragments.js";

/** Why no live host can run a job. */
const UNSERVED_REASONS = ["no host serves this queue", "no host has this worker"] as const;

/** Jobs of one worker in one queue. */
export interface Pair {
  readonly queue: string;
  readonly worker: string;
}

/** Jobs that no live host can run. */
export interface Unserved extends Pair {
  readonly reason: (typeof UNSERVED_REASONS)[number];
}

/** The key of a pair in maps. */
export function pairKey({ queue, worker }: Pair): string {
  return `${queue}\n${worker}`;
}

/** Pairs that one look reads at most. */
const MOST_PAIRS = 1_000;

/**
 * The statements that compare jobs with the hosts that can run them. A host is live until others
 * declare it lost.
 */
export function serving(prefix: string) {
  const { jobs, hosts } = tablesOf(prefix);

  const unserved = (pairs: string): string => `select i.queue, i.worker,
      case when exists (select from ${hosts} h where ${serves("i.queue")}) then '${UNSERVED_REASONS[1]}'
        else '${UNSERVED_REASONS[0]}' end as reason
    from (${pairs}) i where not exists (select from ${hosts} h where ${serves("i.queue")} and ${has("i.worker")})`;

  return {
    /** Of the pairs given as two arrays, those that no live host can run. */
    unserved: named(
      "unserved",
      unserved(
        "select distinct queue, worker from rows from (pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest($2::pg_catalog.text[])) as p(queue, worker)",
      ),
    ),

    /**
     * Of the pairs with available jobs, those that no live host can run. Jumps from pair to pair in
     * the index.
     */
    unservedNow: named(
      "unserved_now",
      `with recursive pairs as (
        (select queue, worker from ${jobs} where ${AVAILABLE} order by queue, worker limit 1)
        union all
        select next.queue, next.worker from pairs p cross join lateral (select j.queue, j.worker from ${jobs} j
          where j.${AVAILABLE} and (j.queue, j.worker) > (p.queue, p.worker) order by j.queue, j.worker limit 1) next
      ) ${unserved(`select queue, worker from pairs limit ${MOST_PAIRS}`)}`,
    ),
  };
}
