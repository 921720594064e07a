import type { Baton } from "../../lib/index.js"; // in your project: "pg-baton"
import Double from "../workers/double.js";
import { Tally } from "./tally.js";

const WARM_UP = 5;

/** Runs almost empty jobs, one at a time, so that their latency is the time that Baton takes. */
export async function rally(baton: Baton, rounds: number, signal: AbortSignal): Promise<Tally> {
  const tally = new Tally();
  for (const queue of ["here", "there"]) {
    for (let round = -WARM_UP; round < rounds; round += 1) {
      const start = performance.now();
      const relay = await baton.async(Double.new({ int: round }, { queue }));
      const result = await baton.await(relay, { timeout: Infinity, signal });
      // The first rounds load the module in a thread.
      if (round >= 0 && result.via !== undefined) tally.add(result.via, performance.now() - start);
    }
  }
  return tally;
}
