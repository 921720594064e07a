import { type ClaimedJob, compareJobs } from "../job/job.js";
import type { Database } from "../postgres/database.js";
import { type ClaimedRow, toClaimed } from "./rows.js";
import type { Statements } from "./statements.js";

/** What a claim brought. */
export interface ClaimResult {
  /** In the order in which they are to run. */
  readonly jobs: ClaimedJob[];
  /** Whether there may be jobs beyond these: it brought all that it asked for. */
  readonly more: boolean;
}

/** Claims jobs for one host, by the cheapest statement that serves its workers in the queue at hand. */
export class Claims {
  readonly #database: Database;
  readonly #statements: Statements;
  readonly #host: string;
  /** The queues in which no foreign job was among the first at the last look. Any other may be full of them. */
  #pure: ReadonlySet<string> = new Set();

  constructor(database: Database, statements: Statements, host: string) {
    this.#database = database;
    this.#statements = statements;
    this.#host = host;
  }

  /** A look has found foreign jobs among the first of the mixed queues, and of these queues in no others. */
  notice(queues: readonly string[], mixed: readonly string[]): void {
    this.#pure = new Set(queues.filter((queue) => !mixed.includes(queue)));
  }

  async take(queue: string, limit: number, begin: number): Promise<ClaimResult> {
    const statement = this.#pure.has(queue) ? this.#statements.claim : this.#statements.claimMixed;
    const rows = await this.#database.query<ClaimedRow>(statement, [queue, limit, this.#host, begin]);
    return { jobs: rows.map(toClaimed).sort(compareJobs), more: rows.length === limit };
  }
}
