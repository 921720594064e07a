import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";

/** ms between two looks. */
const LOOK = 20;
/** ms after which it is not going to happen any more. */
const LIMIT = 120_000;

/** Looks again and again until it is so. */
export async function until(isSo: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + LIMIT;
  while (!(await isSo())) {
    if (Date.now() > end) throw new Error(`Jobs are left after ${LIMIT / 1_000} s`);
    await sleep(LOOK);
  }
}

/** A look into a peer's own tables, over a connection of its own, whether there is anything left to do. */
export class Tables {
  readonly #client: pg.Client;
  readonly #left: string;

  private constructor(client: pg.Client, left: string) {
    this.#client = client;
    this.#left = left;
  }

  /** @param left a condition that holds while there are jobs to do. */
  static async connect(database: string, left: string): Promise<Tables> {
    const client = new pg.Client(database);
    await client.connect();
    return new Tables(client, left);
  }

  /** Failed jobs count as left. Resolves to the number of others that came to nothing: 0. */
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
