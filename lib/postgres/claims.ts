import type { ClaimedJob } from "../job/job.js";
import type { Database, Statement } from "./database.js";
import { type ClaimedRow, toClaimed } from "./rows.js";
import type { Statements } from "./statements.js";

/** ms that a queue in which another host's jobs come first is claimed from worker by worker, before the cheaper way is tried again. */
const MIXED = 2_000;

/** Claims jobs for one host, by the cheapest statement that serves its workers in the queue at hand. */
export class Claims {
  readonly #database: Database;
  readonly #statements: Pick<Statements, "claim" | "claimSole" | "claimMixed">;
  readonly #host: string;
  /** Whether the host has one worker only. */
  sole = false;
  /** Until when, by `performance.now()`, jobs of foreign workers count as first in a queue. */
  readonly #mixedUntil = new Map<string, number>();

  constructor(database: Database, statements: Statements, host: string) {
    this.#database = database;
    this.#statements = statements;
    this.#host = host;
  }

  /** In the order in which they are to run. */
  async take(queue: string, limit: number, begin: number): Promise<ClaimedJob[]> {
    const values = [queue, limit, this.#host, begin];
    const jobs = (await this.#claim(queue, values)).map(toClaimed);
    return jobs.sort((a, b) => a.priority - b.priority || a.scheduledAt - b.scheduledAt || a.id - b.id);
  }

  async #claim(queue: string, values: unknown[]): Promise<ClaimedRow[]> {
    const { claim, claimSole, claimMixed } = this.#statements;
    const run = (statement: Statement) => this.#database.query<ClaimedRow>(statement, values);
    if (this.sole) return run(claimSole);
    if (performance.now() < (this.#mixedUntil.get(queue) ?? 0)) return run(claimMixed);
    const rows = await this.#database.query<ClaimedRow | { readonly id: null }>(claim, values);
    if (rows[0]?.id !== null) return rows as ClaimedRow[];
    this.#mixedUntil.set(queue, performance.now() + MIXED);
    return run(claimMixed);
  }
}
