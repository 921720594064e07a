import { randomUUID } from "node:crypto";
import pg from "pg";
import { type FloorCaller, readReply, REPLIES, TABLE } from "./floor.js";

// Many jobs at a time: what arrives while a statement is under way leaves with the next.
const INSERT = {
  name: "floor_insert_many",
  text: `with rows as (insert into floor (ref, state, args, reply_to)
      select ref, 1, args, '${REPLIES}' from unnest($1::uuid[], $2::jsonb[]) i(ref, args) returning id)
    select count(id), (select pg_notify('floor', '')) from rows`,
};
const CLAIM = {
  name: "floor_claim_many",
  text: `update floor set state = 2 where id = any(array(
      select id from floor where state = 1 order by id limit 500 for update skip locked)) returning id, args`,
};
const COMPLETE = {
  name: "floor_complete_many",
  text: `with rows as (update floor f set state = 4, result = i.result from unnest($1::bigint[], $2::text[]) i(id, result)
      where f.id = i.id and f.state = 2 returning f.ref, f.reply_to, f.result)
    select count(pg_notify(reply_to, ref || result)) from rows`,
};

interface Claimed {
  readonly id: string;
  readonly args: { readonly int: number };
}

/**
 * The floor for many jobs at a time, written by hand on bare `pg`. Inserts and completions go in
 * batches. There are no threads, no retries and no rescue.
 */
export class BatchedFloor {
  readonly #client: pg.Client;
  #waiting: number[] = [];
  #busy = false;
  #awaiting = new Map<number, () => void>();

  private constructor(client: pg.Client) {
    this.#client = client;
  }

  static async connect(url: string): Promise<BatchedFloor> {
    // As Baton does: a plan made on an empty table must not scan the full one later.
    const client = new pg.Client({ connectionString: url, options: "-c enable_seqscan=off" });
    await client.connect();
    await client.query(TABLE);
    return new BatchedFloor(client);
  }

  /** Calls back for every notification. Use a connection of its own. */
  async listen(channel: string, call: (payload: string) => void): Promise<void> {
    this.#client.on("notification", ({ payload = "" }) => call(payload));
    await this.#client.query(`listen ${channel}`);
  }

  /** Inserts a job and waits for its result, which {@link settle} delivers. */
  call(int: number): Promise<void> {
    return new Promise((resolve) => {
      this.#awaiting.set(int, resolve);
      this.#waiting.push(int);
      if (!this.#busy) void this.#insert();
    });
  }

  settle(payload: string): void {
    const { int } = readReply(payload);
    this.#awaiting.get(int)?.();
    this.#awaiting.delete(int);
  }

  /** Runs jobs until none is left. */
  async runAll(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    for (;;) {
      const { rows } = await this.#client.query<Claimed>(CLAIM);
      if (rows.length === 0) break;
      const results = rows.map(({ args }) => `${args.int}`);
      await this.#client.query({ ...COMPLETE, values: [rows.map(({ id }) => id), results] });
    }
    this.#busy = false;
  }

  async close(): Promise<void> {
    await this.#client.end();
  }

  async #insert(): Promise<void> {
    this.#busy = true;
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const ints = this.#waiting.splice(0, 500);
      await this.#client.query({ ...INSERT, values: [ints.map(() => randomUUID()), ints.map((int) => ({ int }))] });
    }
    this.#busy = false;
  }
}

/** Awaits many jobs at a time, which another process runs. */
export async function batchedFloorCaller(url: string): Promise<FloorCaller> {
  const [listening, working] = [await BatchedFloor.connect(url), await BatchedFloor.connect(url)];
  await listening.listen(REPLIES, (payload) => working.settle(payload));
  return {
    call: async (int) => {
      await working.call(int);
      return int;
    },
    close: async () => void (await Promise.all([listening.close(), working.close()])),
  };
}

/** Runs all jobs there are at each notification. Returns how to stop. */
export async function batchedFloorHost(url: string): Promise<() => Promise<void>> {
  const [listening, working] = [await BatchedFloor.connect(url), await BatchedFloor.connect(url)];
  let again = false;
  let running = false;
  const run = async (): Promise<void> => {
    again = true;
    if (running) return;
    running = true;
    while (again) {
      again = false;
      await working.runAll();
    }
    running = false;
  };
  await listening.listen("floor", () => void run());
  return async () => void (await Promise.all([listening.close(), working.close()]));
}
