import { AVAILABLE, has, serves, tablesOf } from "./fragments.js";
import { arrayOf, operation, Parameters } from "./parameters.js";

/** Why no live host can run a job. */
const UNSERVED_REASONS = ["no host serves this queue", "no host has this worker"] as const;

/** The jobs of one worker in one queue. */
export interface Pair {
  readonly queue: string;
  readonly worker: string;
}

/** A pair whose jobs no live host can run. */
export interface Unserved extends Pair {
  readonly reason: (typeof UNSERVED_REASONS)[number];
}

/** The key of a pair in maps. */
export function pairKey({ queue, worker }: Pair): string {
  return `${queue}\n${worker}`;
}

/** Pairs that {@link unserved} reads from the table at most. */
const MOST_PAIRS = 1_000;

const PARAMETERS = new Parameters(["queues", "workers"]);

/**
 * The statements that find jobs which no live host can run. A host counts as live until others
 * declare it lost.
 */
export function unserved(prefix: string) {
  const { jobs, hosts } = tablesOf(prefix);
  const { $ } = PARAMETERS;

  /** Of these pairs, selects those without a host that serves the queue and has the worker. */
  const unservedOf = (pairs: string): string => `select i.queue, i.worker,
      case when exists (select from ${hosts} h where ${serves("i.queue")}) then '${UNSERVED_REASONS[1]}'
        else '${UNSERVED_REASONS[0]}' end as reason
    from (${pairs}) i where not exists (select from ${hosts} h where ${serves("i.queue")} and ${has("i.worker")})`;

  return {
    /** Checks the pairs given. */
    unserved: operation(
      "unserved",
      unservedOf(`select distinct queue, worker from rows from (
        pg_catalog.unnest(${$.queues}::pg_catalog.text[]), pg_catalog.unnest(${$.workers}::pg_catalog.text[])
      ) as p(queue, worker)`),
      (given: readonly Pair[]) =>
        PARAMETERS.values({
          queues: arrayOf(given.map(({ queue }) => queue)),
          workers: arrayOf(given.map(({ worker }) => worker)),
        }),
    ),

    /**
     * Checks the pairs that have available jobs. `pairs` jumps from pair to pair in the index, so
     * it reads one entry of each, not the jobs.
     */
    unservedNow: operation(
      "unserved_now",
      `with recursive pairs as (
        (select queue, worker from ${jobs} where ${AVAILABLE} order by queue, worker limit 1)
        union all
        select next.queue, next.worker from pairs p cross join lateral (select j.queue, j.worker from ${jobs} j
          where j.${AVAILABLE} and (j.queue, j.worker) > (p.queue, p.worker) order by j.queue, j.worker limit 1) next
      ) ${unservedOf(`select queue, worker from pairs limit ${MOST_PAIRS}`)}`,
      () => [],
    ),
  };
}
