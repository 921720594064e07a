import { COUNTED_FROM } from "../job/interruptions.js";
import { type ClaimKey, fenced, inLockOrder, KEYS } from "./claim-key.js";
import { type Ending, endingValues } from "./ending.js";
import { ATTEMPT, expiry, tablesOf, tell, wake, withError } from "./fragments.js";
import { operation } from "./parameters.js";

const PARAMETERS = KEYS.followedBy("host", "error", "head", "bytes", "notify");

/** Whether this interruption costs row `j` its attempt. */
const COUNTED = `(j.interruptions + 1 >= ${COUNTED_FROM})`;
/** Whether that was its last one. */
const EXHAUSTED = `${COUNTED} and ${ATTEMPT} >= j.max_attempts`;

/**
 * Releases jobs that a stop of the host interrupts, and counts the stops in a row. The first few
 * cost no attempt. From then on the attempt counts, and its error is recorded; a job without
 * another attempt is discarded. The counter stays within its smallint.
 *
 * @param retention ms that a finished row is kept.
 */
export function interrupt(prefix: string, retention: number) {
  const { jobs } = tablesOf(prefix);
  const { $ } = PARAMETERS;
  const [head, bytes] = [`${$.head}::pg_catalog.text`, `${$.bytes}::pg_catalog.bytea`];
  const told = { host: $.host, head: `case when j.state = 5 then ${head} end`, bytes, notify: $.notify };
  return operation(
    "interrupt",
    `update ${jobs} j set state = case when ${EXHAUSTED} then 5 else 1 end,
      attempt = ${ATTEMPT} - (not ${COUNTED})::int, interruptions = least(j.interruptions, 32766) + 1,
      attempted_at = coalesce(j.attempted_at, pg_catalog.now()),
      finished_at = case when ${EXHAUSTED} then pg_catalog.now() end,
      expires_at = case when ${EXHAUSTED} then ${expiry("pg_catalog.now()", retention)} end,
      errors = ${withError(`case when ${COUNTED} then ${$.error}::pg_catalog.text end`)},
      result = case when ${EXHAUSTED} then ${head}::pg_catalog.bytea || ${bytes} else j.result end
    from (${KEYS.many()}) i
    where ${fenced($.host)}
    returning j.id, j.claim, ${wake(prefix, $.notify)}, ${tell(prefix, told)}`,
    (keys: readonly ClaimKey[], exhausted: Ending, host: string) =>
      PARAMETERS.values({ ...endingValues(exhausted), host }, KEYS.arraysOf(inLockOrder(keys))),
  );
}
