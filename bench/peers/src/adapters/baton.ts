import { Baton, type BatonOptions, type NewJob } from "../../../../dist/lib/index.js";
import { Burn } from "../../../../dist/bench/workers/burn.js";
import { Noop, Same } from "../../../../dist/bench/workers/noop.js";
import { type Caller, PATIENCE, type Peer, type Setting } from "../../../../dist/bench/peers/peer.js";
import { Tables } from "../until.js";

/** All jobs run in threads. */
export const peer: Peer = {
  host: async (setting) => {
    const baton = await start(hosting(setting));
    return { close: () => baton.stop() };
  },
  caller: async (setting) => callerOf(await start({ connection: setting.database }), setting),
  both: async (setting) => callerOf(await start(hosting(setting)), setting),
};

/** The first two conditions use an index each; the last finds failed jobs. */
const LEFT = `exists (select from baton.jobs where state = 1 and queue = 'bench')
  or exists (select from baton.jobs where state = 2)
  or exists (select from baton.jobs where state <> 4)`;

function hosting({ database, work, threads }: Setting): BatonOptions {
  const oneAtATime = work === "latency" || work === "same";
  return {
    connection: database,
    queues: { bench: oneAtATime ? 1 : work === "inflight" ? 100 : threads },
    threads: oneAtATime ? 1 : threads,
    workers: [Noop, Same, Burn],
  };
}

function start(options: BatonOptions): Promise<Baton> {
  return new Baton(options).start();
}

async function callerOf(baton: Baton, { database, work, burn }: Setting): Promise<Caller> {
  const job = (): NewJob => (work === "cpu" ? Burn.new(burn) : Noop.new());
  const tables = await Tables.connect(database, LEFT);
  return {
    call: (int) => baton.call(Same.new({ int }), { timeout: PATIENCE }),
    drain: async (count) => {
      await baton.insertMany(Array.from({ length: count }, job));
      return tables.untilDone();
    },
    close: async () => {
      await tables.close();
      await baton.stop();
    },
  };
}
