import { type Caller, drained, type Peer, type Setting } from "../../../../dist/bench/peers/peer.js";
import { threadPool } from "../threads.js";

const alone = (): never => {
  throw new Error("Bare Piscina works in one process only");
};

/** Threads alone: no persistence, and no second process. */
export const peer: Peer = { host: alone, caller: alone, both };

async function both(setting: Setting): Promise<Caller> {
  const pool = threadPool(setting.work === "same" ? 1 : setting.threads);
  const { name, data } = drained(setting);
  return {
    call: (int) => pool.run({ int }, { name: "same" }) as Promise<number>,
    drain: async (count) => {
      await Promise.all(Array.from({ length: count }, () => pool.run(data, { name })));
      return 0;
    },
    close: () => pool.destroy(),
  };
}
