import pg from "pg";
import { BatchedFloor } from "../../../../dist/bench/support/batched-floor.js";
import { Floor, readReply, REPLIES } from "../../../../dist/bench/support/floor.js";
import type { Caller, Peer } from "../../../../dist/bench/peers/peer.js";
import { Tables } from "../until.js";

/**
 * The least that the same guarantees cost: the statements by hand on bare pg, without threads,
 * retries and rescue. Works with many jobs at a time send them in batches.
 */
export const peer: Peer = {
  host: async ({ database, work }) => {
    if (work === "latency") {
      const [listening, working] = [await Floor.connect(database), await Floor.connect(database)];
      await listening.listen("floor", () => void working.runNext());
      return { close: () => closeAll(listening, working) };
    }
    const [listening, working] = [await BatchedFloor.connect(database), await BatchedFloor.connect(database)];
    let running = Promise.resolve();
    await listening.listen("floor", () => {
      running = running.then(() => working.runAll());
    });
    return { close: () => closeAll(listening, working) };
  },
  caller: async ({ database, work }) => {
    if (work === "latency") return await oneAtATime(database);
    return work === "inflight" ? await inFlight(database) : await draining(database);
  },
  both: async ({ database }) => {
    const floor = await Floor.connect(database);
    return { call: (int) => floor.runClaimed(int), drain: unsupported, close: () => floor.close() };
  },
};

async function oneAtATime(database: string): Promise<Caller> {
  const [listening, working] = [await Floor.connect(database), await Floor.connect(database)];
  // A result may arrive before the reply to its insert.
  let heard: (int: number) => void = () => {};
  await listening.listen(REPLIES, (payload) => heard(readReply(payload).int));
  const call = (int: number): Promise<number> =>
    new Promise((resolve, reject) => {
      heard = resolve;
      working.submit(int).catch(reject);
    });
  return { call, drain: unsupported, close: () => closeAll(listening, working) };
}

async function inFlight(database: string): Promise<Caller> {
  const [listening, working] = [await BatchedFloor.connect(database), await BatchedFloor.connect(database)];
  await listening.listen(REPLIES, (payload) => working.settle(payload));
  const call = async (int: number): Promise<number> => {
    await working.call(int);
    return int;
  };
  return { call, drain: unsupported, close: () => closeAll(listening, working) };
}

async function draining(database: string): Promise<Caller> {
  const client = new pg.Client(database);
  await client.connect();
  const tables = await Tables.connect(database, "exists (select from floor where state <> 4)");
  return {
    call: unsupported,
    drain: async (count) => {
      await client.query(
        `with rows as (insert into floor (ref, state, args, reply_to)
          select gen_random_uuid(), 1, '{"int":1}', 'floor_replies' from generate_series(1, $1::int) returning id)
        select count(id), (select pg_notify('floor', '')) from rows`,
        [count],
      );
      return await tables.untilDone();
    },
    close: async () => {
      await tables.close();
      await client.end();
    },
  };
}

async function closeAll(...floors: readonly { close(): Promise<void> }[]): Promise<void> {
  await Promise.all(floors.map((floor) => floor.close()));
}

function unsupported(): never {
  throw new Error("The floor does no such work");
}
