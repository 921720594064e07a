import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";

/** ms between two checks. */
const LOOK = 20;
/** ms after which it gives up. */
const LIMIT = 120_000;

/** Checks a condition until it holds. */
export async function until(isSo: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + LIMIT;
  while (!(await isSo())) {
    if (Date.now() > end) throw new Error(`Jobs are left after ${LIMIT / 1_000} s`);
    await sleep(LOOK);
  }
}

/** Checks a peer's own tables for remaining jobs, over a connection of its own. */
export class Tables {
  readonly #client: pg.Client;
  readonly #left: string;

  private constructor(client: pg.Client, left: string) {
    this.#client = client;
    this.#left = left;
  }

  /** `left` is an SQL condition that holds while jobs remain. */
  static async connect(database: string, left: string): Promise<Tables> {
    const client = new pg.Client(database);
    await client.connect();
    return new Tables(client, left);
  }

  /** Waits until no job remains. Failed jobs remain, so none is lost: returns 0. */
  async untilDone(): Promise<0> {
    await until(async () => {
      const { rows } = await this.#client.query<{ left: boolean }>(`select (${this.#left}) as left`);
      return rows[0]?.left === false;
    });
    return 0;
  }

  async close(): Promise<void> {
    await this.#client.end();
  }
}
