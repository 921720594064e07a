import { availableParallelism } from "node:os";
import { Baton, type NewJob } from "../../lib/index.js";
import type { PiscinaFigures } from "../processes/piscina.js";
import { Drain } from "./drain.js";
import type { Bench, Contender } from "./question.js";

const HOST = new URL("../processes/baton-host.js", import.meta.url);
const PISCINA = new URL("../processes/piscina.js", import.meta.url);

/** One thread a core. */
export const THREADS = availableParallelism();

/** A Baton host in a process of its own. Each round inserts all jobs at once, and awaits none. */
export async function throughBaton(bench: Bench, count: number, job: () => NewJob, name = "baton"): Promise<Contender> {
  const connection = await bench.database();
  const host = await bench.child(HOST, { connection, queues: { bench: THREADS }, threads: THREADS });
  const caller = await new Baton({ connection }).start();
  const drain = await Drain.connect(caller, connection);
  return {
    name,
    round: async () => {
      await host.ask("start");
      const seconds = await drain.run(Array.from({ length: count }, job));
      return { jobs: count / seconds, loopDelay: await host.ask<number>("stop") };
    },
    close: async () => {
      await Promise.all([drain.close(), caller.stop()]);
    },
  };
}

/** Bare Piscina in a process of its own, calling `run` of a module of `bench/workers`. */
export async function throughPiscina(bench: Bench, count: number, worker: string, args: object): Promise<Contender> {
  const piscina = await bench.child(PISCINA, { worker, threads: THREADS });
  return {
    name: "piscina",
    round: async () => {
      const { seconds, loopDelay } = await piscina.ask<PiscinaFigures>("perform", { count, args });
      return { jobs: count / seconds, loopDelay };
    },
  };
}
