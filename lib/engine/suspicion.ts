import type { ClaimKey } from "./claim-key.js";
import { relaxed, tablesOf } from "./fragments.js";
import { operation, Parameters } from "./parameters.js";

/** The count of processes that died while they ran the job alone. */
export interface AccusedRow {
  readonly alone: number;
}

const KEY = new Parameters(["id", "claim", "host"]);
const ACCUSE = new Parameters(["id", "claim", "host", "times"]);

/**
 * The statements about a job that runs alone (see `job/suspicion.ts`). They return nothing if the
 * fence refuses.
 */
export function suspicion(prefix: string) {
  const { jobs } = tablesOf(prefix);
  const { $ } = ACCUSE;
  /** The fence. The key's placeholders are the same in all three. */
  const held = `id = ${$.id} and claim = ${$.claim} and attempted_by = ${$.host} and state + 0 = 2`;
  const values = ({ id, claim }: ClaimKey, host: string): unknown[] => KEY.values({ id, claim, host });
  return {
    accused: operation("accused", `select alone from ${jobs} where ${held}`, values),

    /**
     * Sets the count rather than raising it, so that a retry after a lost reply counts nothing
     * twice. No other host writes it meanwhile.
     */
    accuse: operation(
      "accuse",
      `update ${jobs} set alone = ${$.times} where ${held} returning alone`,
      ({ id, claim }: ClaimKey, host: string, times: number) => ACCUSE.values({ id, claim, host, times }),
    ),

    absolve: operation(
      "absolve",
      `update ${jobs} set alone = 0, deaths = 0, crashes = 0 where ${relaxed()} and ${held}`,
      values,
    ),
  };
}
