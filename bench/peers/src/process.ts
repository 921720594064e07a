/** One side of a peer, or both, in a process of its own. */
import type { Awaits, Drained } from "../../../dist/bench/peers/works.js";
import type { Caller, Part, Peer } from "../../../dist/bench/peers/peer.js";
import { keepInFlight } from "../../../dist/bench/support/in-flight.js";
import { LoopDelay } from "../../../dist/bench/support/loop-delay.js";
import { argument, serve } from "../../../dist/bench/support/serve.js";

const { name, role, setting } = argument() as Part;
const { peer } = (await import(`./adapters/${name}.js`)) as { peer: Peer };
const side = await peer[role](setting);
const caller = side as Caller;
const delay = new LoopDelay();

serve(
  {
    awaits: async ({ count, inFlight }: { count: number; inFlight: number }) => {
      const { p50, p99, results, lost } = await keepInFlight(inFlight, count, call);
      return { p50, p99, results, lost } satisfies Awaits;
    },
    drain: async ({ count }: { count: number }) => {
      const start = performance.now();
      const lost = await caller.drain(count);
      return { seconds: (performance.now() - start) / 1_000, lost } satisfies Drained;
    },
    startDelay: () => delay.start(),
    stopDelay: () => delay.p99(),
  },
  async () => {
    // Some peers keep timers that nothing stops, and a side that hangs must not delay the others.
    setTimeout(() => process.exit(), 5_000).unref();
    await side.close().finally(() => process.exit());
  },
);

async function call(int: number): Promise<boolean> {
  try {
    if ((await caller.call(int)) === int) return true;
    throw new Error(`Job ${int} came back with another job's result`);
  } catch (error) {
    process.stderr.write(`${name}: ${(error as Error).message}\n`);
    return false;
  }
}
