/** One side of a peer, or both, in a process of its own. */
import { LoopDelay } from "../../../dist/bench/support/loop-delay.js";
import { argument, serve } from "../../../dist/bench/support/serve.js";
import { percentile } from "../../../dist/bench/support/stats.js";
import type { PeerName } from "./arguments.js";
import type { Caller, Peer, Setting } from "./peer.js";

/** What this process was started with. */
export interface Part {
  readonly name: PeerName;
  readonly role: keyof Peer;
  readonly setting: Setting;
}

/** What a number of awaits came to. */
export interface Awaits {
  /** ms */
  readonly p50: number;
  /** ms */
  readonly p99: number;
  /** Right results a second. */
  readonly results: number;
  /** Awaits that nothing came of in time, or not the job's result. */
  readonly lost: number;
}

/** What a number of jobs that nobody awaits came to. */
export interface Drained {
  readonly seconds: number;
  readonly lost: number;
}

const { name, role, setting } = argument() as Part;
const { peer } = (await import(`./adapters/${name}.js`)) as { peer: Peer };
const side = await peer[role](setting);
const caller = side as Caller;
const delay = new LoopDelay();

serve(
  {
    awaits: ({ count, inFlight }: { count: number; inFlight: number }) => awaits(count, inFlight),
    drain: async ({ count }: { count: number }) => {
      const start = performance.now();
      const lost = await caller.drain(count);
      return { seconds: (performance.now() - start) / 1_000, lost } satisfies Drained;
    },
    startDelay: () => delay.start(),
    stopDelay: () => delay.p99(),
  },
  async () => {
    // Some keep timers that nobody can stop, and what hangs must not keep the others from their turn.
    setTimeout(() => process.exit(), 5_000).unref();
    await side.close().finally(() => process.exit());
  },
);

async function awaits(count: number, inFlight: number): Promise<Awaits> {
  const samples: number[] = [];
  let next = 0;
  let lost = 0;
  const line = async (): Promise<void> => {
    while (next < count) {
      const int = next;
      next += 1;
      const start = performance.now();
      try {
        if ((await caller.call(int)) !== int) throw new Error(`Job ${int} came back with another's result`);
      } catch (error) {
        lost += 1;
        if (lost === 1) process.stderr.write(`${name}: ${(error as Error).message}\n`);
      }
      samples.push(performance.now() - start);
    }
  };
  const start = performance.now();
  await Promise.all(Array.from({ length: inFlight }, line));
  const seconds = (performance.now() - start) / 1_000;
  return { p50: percentile(samples, 50), p99: percentile(samples, 99), results: (count - lost) / seconds, lost };
}
