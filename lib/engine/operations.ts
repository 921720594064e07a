import { answers } from "./answers.js";
import { begin } from "./begin.js";
import { claim } from "./claim.js";
import { complete, type Durability } from "./complete.js";
import { counts } from "./counts.js";
import { hosts } from "./hosts.js";
import { insert } from "./insert.js";
import { interrupt } from "./interrupt.js";
import { largeAnswers } from "./large-answers.js";
import { prune } from "./prune.js";
import { rescue } from "./rescue.js";
import { suspicion } from "./suspicion.js";
import { tend } from "./tend.js";
import { unserved } from "./unserved.js";

/** How a host's statements write. */
export interface OperationOptions {
  /** Whether completions wait for the disk. @default "full" */
  readonly durability?: Durability;
  /** ms that rows which this host finishes are kept. @default 86_400_000, a day */
  readonly retention?: number;
}

const DAY = 86_400_000;

/**
 * Every operation on the table of jobs. The file of an operation holds its statement, the values of
 * its parameters and the rows that it returns.
 *
 * Batches are arrays: one statement, one commit and one flush to disk for all of them. Statements
 * for a single job take plain parameters, since unnesting arrays costs as much as the write. Rows
 * are looked up one by one in the primary key, at every size of the table: the settings of the
 * connections (`postgres/settings.ts`) leave the planner no other join, and `state + 0` keeps it
 * from the partial indexes, which under load are full of entries of rows that have moved on.
 *
 * States are numbers: 0 scheduled, 1 available, 2 executing, 3 retryable, 4 completed, 5 discarded,
 * 6 cancelled. From 4 on they are final.
 */
export function operations(prefix: string, { durability = "full", retention = DAY }: OperationOptions = {}) {
  return {
    ...insert(prefix),
    ...claim(prefix),
    begin: begin(prefix),
    ...complete(prefix, durability, retention),
    interrupt: interrupt(prefix, retention),
    ...answers(prefix),
    largeAnswers: largeAnswers(prefix),
    tend: tend(prefix),
    rescue: rescue(prefix, retention),
    ...suspicion(prefix),
    ...hosts(prefix),
    prune: prune(prefix, retention),
    ...unserved(prefix),
    counts: counts(prefix),
  };
}

export type Operations = ReturnType<typeof operations>;
