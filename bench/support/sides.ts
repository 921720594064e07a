import { availableParallelism } from "node:os";
import { Baton, type NewJob } from "../../lib/index.js";
import type { PiscinaRun } from "../processes/piscina.js";
import { Drain } from "./drain.js";
import type { Bench, Contender } from "./question.js";

const HOST = new URL("../processes/baton-host.js", import.meta.url);
const PISCINA = new URL("../processes/piscina.js", import.meta.url);

/** Threads of a host that is to use the whole machine. */
export const THREADS = availableParallelism();

/** A host in a process of its own that gets all jobs of a round at once, and nobody awaits them. */
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

/** As many calls of what a module of `bench/workers` exports as `run`, by as many threads of bare Piscina, in a process of its own. */
export async function throughPiscina(bench: Bench, count: number, worker: string, args: object): Promise<Contender> {
  const piscina = await bench.child(PISCINA, { worker, threads: THREADS });
  return {
    name: "piscina",
    round: async () => {
      const { seconds, loopDelay } = await piscina.ask<PiscinaRun>("run", { count, args });
      return { jobs: count / seconds, loopDelay };
    },
  };
}
