import type { Baton } from "../../lib/index.js"; // yours: "pg-baton"
import Double from "../workers/double.js";
import { Tally } from "./tally.js";

const WARM_UP = 5;

/** Sends next to no work to and fro, one job at a time, so that what is left is the time that Baton itself takes. */
export async function rally(baton: Baton, rounds: number, signal: AbortSignal): Promise<Tally> {
  const tally = new Tally();
  for (const queue of ["here", "there"]) {
    for (let round = -WARM_UP; round < rounds; round += 1) {
      const start = performance.now();
      const relay = await baton.async(Double.new({ int: round }, { queue }));
      const result = await baton.await(relay, { timeout: Infinity, signal });
      // The first ones load the module in a thread.
      if (round >= 0 && result.via !== undefined) tally.add(result.via, performance.now() - start);
    }
  }
  return tally;
}
