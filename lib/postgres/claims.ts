import { type ClaimedJob, compareJobs } from "../job/job.js";
import type { Database } from "./database.js";
import { type ClaimedRow, toClaimed } from "./rows.js";
import type { Statements } from "./statements.js";

/** What a claim brought. */
export interface Claim {
  /** In the order in which they are to run. */
  readonly jobs: ClaimedJob[];
  /** Whether there were jobs beyond these. */
  readonly more: boolean;
}

/** A row of nulls stands for the jobs that a claim leaves behind. */
type Row = ClaimedRow | { readonly id: null };

/**
 * ms that a queue in which another host's jobs come first is claimed from worker by worker, before
 * the cheaper way is tried again.
 */
const MIXED = 2_000;

/**
 * Claims jobs for one host, by the cheapest statement that serves its workers in the queue at hand.
 */
export class Claims {
  readonly #database: Database;
  readonly #statements: Statements;
  readonly #host: string;
  /** Until when, by `performance.now()`, jobs of foreign workers count as first in a queue. */
  readonly #mixedUntil = new Map<string, number>();

  constructor(database: Database, statements: Statements, host: string) {
    this.#database = database;
    this.#statements = statements;
    this.#host = host;
  }

  async take(queue: string, limit: number, begin: number): Promise<Claim> {
    const values = [queue, limit, this.#host, begin];
    if (performance.now() >= (this.#mixedUntil.get(queue) ?? 0)) {
      const rows = await this.#database.query<Row>(this.#statements.claim, values);
      const jobs = rows.filter((row) => row.id !== null);
      if (jobs.length > 0 || rows.length === 0) return claimOf(jobs, jobs.length < rows.length);
      this.#mixedUntil.set(queue, performance.now() + MIXED);
    }
    const jobs = await this.#database.query<ClaimedRow>(this.#statements.claimMixed, values);
    return claimOf(jobs, jobs.length === limit);
  }
}

function claimOf(rows: ClaimedRow[], more: boolean): Claim {
  return { jobs: rows.map(toClaimed).sort(compareJobs), more };
}
