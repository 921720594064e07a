import pg from "pg";
import { batchedFloorCaller, batchedFloorHost } from "../../../../dist/bench/support/batched-floor.js";
import { Floor, floorCaller, floorHost } from "../../../../dist/bench/support/floor.js";
import type { Caller, Peer } from "../../../../dist/bench/peers/peer.js";
import { Tables } from "../until.js";

/**
 * The least that the same guarantees cost: the statements by hand on bare pg, without threads,
 * retries and rescue. Works with many jobs at a time send them in batches.
 */
export const peer: Peer = {
  host: async ({ database, work }) => {
    return { close: await (work === "latency" ? floorHost(database) : batchedFloorHost(database)) };
  },
  caller: async ({ database, work }) => {
    if (work === "noop") return await draining(database);
    const floor = await (work === "latency" ? floorCaller(database) : batchedFloorCaller(database));
    return { ...floor, drain: unsupported };
  },
  both: async ({ database }) => {
    const floor = await Floor.connect(database);
    return { call: (int) => floor.runClaimed(int), drain: unsupported, close: () => floor.close() };
  },
};

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

function unsupported(): never {
  throw new Error("The floor does no such work");
}
