import { type ClaimKey, fenced, inLockOrder, KEYS } from "./claim-key.js";
import { relaxed, tablesOf } from "./fragments.js";
import { operation } from "./parameters.js";

const PARAMETERS = KEYS.followedBy("host");

/**
 * Counts the attempts of jobs that were only held and have begun. Does not wait for the disk: the
 * count matters only if the host dies, and a crash of the server does not end the host.
 */
export function begin(prefix: string) {
  const { jobs } = tablesOf(prefix);
  const { $ } = PARAMETERS;
  return operation(
    "begin",
    `update ${jobs} j set attempt = j.attempt + 1, attempted_at = pg_catalog.now()
    from (${KEYS.many()}) i
    where ${relaxed()} and ${fenced($.host)} and j.attempted_at is null`,
    (keys: readonly ClaimKey[], host: string) => PARAMETERS.values({ host }, KEYS.arraysOf(inLockOrder(keys))),
  );
}
