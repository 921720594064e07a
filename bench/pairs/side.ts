/**
 * One build at work in a process of its own, as a host or as a caller. Both builds are measured by
 * this code: the `dist` folder that is given says which one it loads.
 */
import { once } from "node:events";
import type * as Library from "../../lib/index.js";

interface Order {
  readonly dist: string;
  readonly role: "host" | "caller";
  readonly connection: string;
}

/** What one round of a caller came to. */
export interface SideFigures {
  /** Results a second, with 100 awaits in flight. */
  readonly inFlight: number;
  /** Jobs a second, inserted at once and awaited by nobody. */
  readonly noops: number;
  /** ms of one await at a time, the median. */
  readonly latency: number;
}

const [order = ""] = process.argv.slice(2);
const { dist, role, connection } = JSON.parse(order) as Order;
const { Baton } = (await import(`${dist}/lib/index.js`)) as typeof Library;
const { Same, Noop } = (await import(`${dist}/bench/workers/noop.js`)) as {
  Same: Library.Worker<{ int: number }, number>;
  Noop: Library.Worker<unknown, undefined>;
};

const queues = role === "host" ? { bench: 100 } : {};
const baton = await new Baton({ connection, queues, workers: [Same, Noop], threads: 2 }).start();
process.send?.("up");
if (role === "host") await once(process, "disconnect");
else for await (const [message] of events()) process.send?.(await answer(message as string));
await baton.stop();
process.exit(0);

function events(): AsyncIterable<unknown[]> {
  const ended = new AbortController();
  process.once("disconnect", () => ended.abort());
  return (async function* () {
    while (!ended.signal.aborted) {
      const next = await once(process, "message", { signal: ended.signal }).catch(() => null);
      if (next !== null) yield next as unknown[];
    }
  })();
}

async function answer(message: string): Promise<unknown> {
  if (message === "figures") return figures();
  await sequentially(Number(message));
  return "done";
}

async function figures(): Promise<SideFigures> {
  await inFlight(4_000);
  return { inFlight: await inFlight(12_000), noops: await noops(15_000), latency: await sequentially(400) };
}

async function call(int: number): Promise<void> {
  const result = await baton.await(await baton.async(Same.new({ int })), 30_000);
  if (!result.ok || result.value !== int) throw new Error(`await ${int} came to ${JSON.stringify(result)}`);
}

async function inFlight(count: number): Promise<number> {
  const start = performance.now();
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) await call(next++);
  };
  await Promise.all(Array.from({ length: 100 }, lane));
  return (count / (performance.now() - start)) * 1_000;
}

/** Until the last one is completed, as one that is awaited and of a lower priority shows. */
async function noops(count: number): Promise<number> {
  const start = performance.now();
  await baton.insertMany(Array.from({ length: count }, () => Noop.new()));
  const last = await baton.async(Same.new({ int: 0 }, { priority: 9 }));
  await baton.await(last, 60_000);
  return (count / (performance.now() - start)) * 1_000;
}

async function sequentially(count: number): Promise<number> {
  const times: number[] = [];
  for (let int = 0; int < count; int += 1) {
    const start = performance.now();
    await call(int);
    times.push(performance.now() - start);
  }
  times.sort((a, b) => a - b);
  return times[Math.floor(count / 2)] as number;
}
