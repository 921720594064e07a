/**
 * One build at work in a process of its own, as host or as caller. This code measures both builds;
 * `dist` says which one it loads.
 */
import type * as Library from "../../lib/index.js";
import { keepInFlight } from "../support/in-flight.js";
import { argument, serve } from "../support/serve.js";

/** The argument of this process. */
export interface Order {
  /** The build's output folder. */
  readonly dist: string;
  readonly role: "host" | "caller";
  readonly connection: string;
}

/** The figures of one round of a caller. */
export interface SideFigures {
  /** Results a second, with 100 awaits in flight. */
  readonly inFlight: number;
  /** Jobs a second, inserted at once and awaited by nobody. */
  readonly noops: number;
  /** p50 of one await at a time, in ms. */
  readonly latency: number;
}

const { dist, role, connection } = argument() as Order;
const { Baton } = (await import(`${dist}/lib/index.js`)) as typeof Library;
const { Same, Noop } = (await import(`${dist}/bench/workers/noop.js`)) as {
  Same: Library.Worker<{ int: number }, number>;
  Noop: Library.Worker<unknown, undefined>;
};

const queues = role === "host" ? { bench: 100 } : {};
const baton = await new Baton({ connection, queues, workers: [Same, Noop], threads: 2 }).start();

serve(
  {
    figures: async (): Promise<SideFigures> => {
      await awaits(100, 4_000);
      const { results } = await awaits(100, 12_000);
      const noops = await emptied(15_000);
      return { inFlight: results, noops, latency: (await awaits(1, 400)).p50 };
    },
    awaits: async ({ count }: { count: number }) => void (await awaits(1, count)),
  },
  () => baton.stop(),
);

async function awaits(open: number, count: number) {
  const flown = await keepInFlight(open, count, async (int) => (await baton.call(Same.new({ int }), 30_000)) === int);
  if (flown.lost > 0) throw new Error(`${flown.lost} results were wrong`);
  return flown;
}

/** Inserts no-op jobs and an awaited one of lower priority. Returns how many a second ran. */
async function emptied(count: number): Promise<number> {
  const start = performance.now();
  await baton.insertMany(Array.from({ length: count }, () => Noop.new()));
  await baton.call(Same.new({ int: 0 }, { priority: 9 }), 60_000);
  return (count / (performance.now() - start)) * 1_000;
}
