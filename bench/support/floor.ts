import { randomUUID } from "node:crypto";
import pg from "pg";

/** Holds only what the statements of the floors need. */
export const TABLE = `create table if not exists floor (
  id bigint generated always as identity primary key, ref uuid not null, state smallint not null, reply_to text,
  args jsonb not null, result text);
create index if not exists floor_claim on floor (id) where state = 1`;

const INSERT = {
  name: "floor_insert",
  text: "insert into floor (ref, state, args) values ($1, $2, $3) returning id",
};
const INSERT_AND_NOTIFY = {
  name: "floor_insert_notify",
  text: `with row as (insert into floor (ref, state, args, reply_to) values ($1, 1, $2, $3) returning id)
    select id, pg_notify('floor', '') from row`,
};
const CLAIM = {
  name: "floor_claim",
  text: `update floor set state = 2 where id = (select id from floor where state = 1 order by id limit 1 for update skip locked)
    returning id, args`,
};
const COMPLETE = {
  name: "floor_complete",
  text: "update floor set state = 4, result = $2 where id = $1 and state = 2",
};
const COMPLETE_AND_NOTIFY = {
  name: "floor_complete_notify",
  text: `with row as (update floor set state = 4, result = $2 where id = $1 and state = 2 returning ref, reply_to, result)
    select pg_notify(reply_to, ref || result) from row`,
};

/** The channel of results. */
export const REPLIES = "floor_replies";
const AVAILABLE = 1;
const EXECUTING = 2;
const REF = 36;

interface Claimed {
  readonly id: string;
  readonly args: { readonly int: number };
}

/** The awaiting side of a floor. */
export interface FloorCaller {
  /** Inserts a job that returns this number, and awaits it. */
  readonly call: (int: number) => Promise<number>;
  readonly close: () => Promise<void>;
}

/**
 * The floor for latencies: a durable job by hand on bare `pg`, with the least statements, prepared,
 * one row each. There are no threads, no retries and no rescue.
 */
export class Floor {
  readonly #client: pg.Client;

  private constructor(client: pg.Client) {
    this.#client = client;
  }

  static async connect(url: string): Promise<Floor> {
    const client = new pg.Client(url);
    await client.connect();
    await client.query(TABLE);
    return new Floor(client);
  }

  /** Calls back for every notification. Use a connection of its own. */
  async listen(channel: string, call: (payload: string) => void): Promise<void> {
    this.#client.on("notification", ({ payload = "" }) => call(payload));
    await this.#client.query(`listen ${channel}`);
  }

  /** Inserts a job for a host in another process, and notifies it. */
  async submit(int: number): Promise<string> {
    const ref = randomUUID();
    await this.#client.query({ ...INSERT_AND_NOTIFY, values: [ref, { int }, REPLIES] });
    return ref;
  }

  /** Runs the next job, if any, and notifies its awaiter. */
  async runNext(): Promise<void> {
    const { rows } = await this.#client.query<Claimed>(CLAIM);
    const [job] = rows;
    if (job !== undefined) await this.#client.query({ ...COMPLETE_AND_NOTIFY, values: [job.id, `${job.args.int}`] });
  }

  /** Runs a job that is inserted as already claimed: two statements. */
  async runClaimed(int: number): Promise<number> {
    const { rows } = await this.#client.query<{ id: string }>({
      ...INSERT,
      values: [randomUUID(), EXECUTING, { int }],
    });
    await this.#client.query({ ...COMPLETE, values: [rows[0]?.id, `${int}`] });
    return int;
  }

  /** Inserts, claims and completes a job: three statements. */
  async runClaiming(int: number): Promise<number> {
    await this.#client.query({ ...INSERT, values: [randomUUID(), AVAILABLE, { int }] });
    const { rows } = await this.#client.query<Claimed>(CLAIM);
    const job = rows[0] as Claimed;
    await this.#client.query({ ...COMPLETE, values: [job.id, `${job.args.int}`] });
    return job.args.int;
  }

  async close(): Promise<void> {
    await this.#client.end();
  }
}

/** Awaits jobs one at a time, which another process runs. */
export async function floorCaller(url: string): Promise<FloorCaller> {
  const [listening, working] = [await Floor.connect(url), await Floor.connect(url)];
  // A result may arrive before the reply to its insert.
  let heard: (int: number) => void = () => {};
  await listening.listen(REPLIES, (payload) => heard(readReply(payload).int));
  return {
    call: (int) =>
      new Promise((resolve, reject) => {
        heard = resolve;
        working.submit(int).catch(reject);
      }),
    close: async () => void (await Promise.all([listening.close(), working.close()])),
  };
}

/** Runs a job for each notification. Returns how to stop. */
export async function floorHost(url: string): Promise<() => Promise<void>> {
  const [listening, working] = [await Floor.connect(url), await Floor.connect(url)];
  await listening.listen("floor", () => void working.runNext());
  return async () => void (await Promise.all([listening.close(), working.close()]));
}

/** Parses the notification of a result. */
export function readReply(payload: string): { ref: string; int: number } {
  return { ref: payload.slice(0, REF), int: Number(payload.slice(REF)) };
}
