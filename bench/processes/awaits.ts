/** Measures the heap of open awaits. Needs `--expose-gc`. */
import { Baton } from "../../lib/index.js";
import { argument, serve } from "../support/serve.js";
import { Same } from "../workers/noop.js";

const baton = await new Baton(argument() as { connection: string }).start();

/** Opens awaits for jobs that nobody runs, and returns the bytes of heap that each takes. */
async function hold({ count }: { count: number }): Promise<number> {
  const relays = await baton.asyncMany(Array.from({ length: count }, (_, int) => Same.new({ int })));
  const before = heap();
  const open = relays.map((relay) => baton.await(relay, 600_000));
  await new Promise((resolve) => setImmediate(resolve));
  const bytes = (heap() - before) / open.length;
  for (const one of open) one.catch(() => {});
  return bytes;
}

function heap(): number {
  for (let round = 0; round < 3; round += 1) globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

serve({ hold }, () => baton.stop());
