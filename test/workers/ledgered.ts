import { appendFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { defineWorker, type Job } from "../../lib/worker.js";

interface Args {
  readonly number: number;
  /** The file that every run is written to. */
  readonly ledger: string;
  /** ms of the CPU, and of waiting, that it takes. */
  readonly burn: number;
  readonly wait: number;
  /** How large its result is, about. */
  readonly bytes: number;
  /** Whether its first attempt fails. */
  readonly fails: boolean;
}

/** Writes into a ledger that it runs and how it ends; see soak/ledger.ts. */
export const ledgered = defineWorker(import.meta.url, {
  name: "ledgered",
  maxAttempts: 100,
  backoff: () => 50,
  perform: async ({ attempt, args }: Job<Args>) => {
    const { number, ledger, burn, wait, bytes, fails } = args;
    // One short line is one write, which no other process' comes between.
    const write = (word: string): void =>
      appendFileSync(ledger, `${word} ${number} ${attempt} ${process.pid} ${process.ppid} ${Date.now()}\n`);
    write("start");
    for (const end = performance.now() + burn; performance.now() < end; );
    if (wait > 0) await sleep(wait);
    if (fails && attempt === 1) {
      write("fail");
      throw new Error(`job ${number} fails once`);
    }
    write("end");
    return { number, filler: `${number} `.repeat(bytes / 4) };
  },
});
