import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import type { Baton, NewJob } from "../../lib/index.js";

/** ms between two checks for remaining jobs, which read two partial indexes. */
const LOOK = 250;

const REMAINING = `select exists (select from baton.jobs where state = 1 and queue = 'bench')
  or exists (select from baton.jobs where state = 2) as remaining`;
const SPAN = `select extract(epoch from max(finished_at) - min(attempted_at))::float8 as seconds,
  count(*) filter (where state = 4)::int as completed from baton.jobs where id >= $1`;

/** Measures how fast a queue empties, from the table alone, which costs the host nothing. */
export class Drain {
  readonly #baton: Baton;
  readonly #client: pg.Client;

  private constructor(baton: Baton, client: pg.Client) {
    this.#baton = baton;
    this.#client = client;
  }

  static async connect(baton: Baton, url: string): Promise<Drain> {
    const client = new pg.Client(url);
    await client.connect();
    return new Drain(baton, client);
  }

  /**
   * Inserts the jobs in one statement, so that hosts see none or all, and waits until they are
   * completed. Returns the seconds from the first claim to the last completion by the database's
   * clock.
   */
  async run(jobs: readonly NewJob[]): Promise<number> {
    const [first] = await this.#baton.insertMany(jobs);
    while (await this.#remaining()) await sleep(LOOK);
    const { rows } = await this.#client.query<{ seconds: number; completed: number }>(SPAN, [first?.id]);
    const { seconds, completed } = rows[0] ?? { seconds: 0, completed: 0 };
    if (completed !== jobs.length) throw new Error(`Of ${jobs.length} jobs ${completed} were completed`);
    return seconds;
  }

  async close(): Promise<void> {
    await this.#client.end();
  }

  async #remaining(): Promise<boolean> {
    const { rows } = await this.#client.query<{ remaining: boolean }>(REMAINING);
    return rows[0]?.remaining ?? false;
  }
}
