import { expiry, tablesOf } from "./fragments.js";
import { operation, Parameters } from "./parameters.js";

/** The result of pruning. */
export interface Pruned {
  /** How many rows were deleted. */
  readonly pruned: number;
  /** How many finished rows without an expiry got one. */
  readonly dated: number;
}

const PARAMETERS = new Parameters(["limit"]);

/**
 * Deletes finished rows.
 *
 * - `old` locks rows that have expired, up to `limit`; `pruned` deletes them.
 * - `undated` locks up to `limit` finished rows without an expiry, which an operator or an older
 *   release ended. `dated` sets it by this host's retention.
 *
 * @param retention ms that a finished row is kept.
 */
export function prune(prefix: string, retention: number) {
  const { jobs } = tablesOf(prefix);
  const { limit } = PARAMETERS.$;
  return operation(
    "prune",
    `with old as materialized (
      select id from ${jobs} where state >= 4 and expires_at <= pg_catalog.now()
      order by expires_at limit ${limit} for update skip locked
    ), pruned as (
      delete from ${jobs} where id = any(array(select id from old)) returning id
    ), undated as materialized (
      select id from ${jobs} where state >= 4 and expires_at is null limit ${limit} for update skip locked
    ), dated as (
      update ${jobs} set expires_at = ${expiry("coalesce(finished_at, pg_catalog.now())", retention)}
      where id = any(array(select id from undated)) returning id
    ) select (select pg_catalog.count(*)::int from pruned) as pruned,
      (select pg_catalog.count(*)::int from dated) as dated`,
    (limit: number) => PARAMETERS.values({ limit }),
  );
}
