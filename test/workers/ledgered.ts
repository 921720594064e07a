import { appendFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { defineWorker, type Job } from "../../lib/worker.js";

interface Args {
  readonly number: number;
  /** The file that records every run. */
  readonly ledger: string;
  /** ms of CPU and ms of waiting that the job takes. */
  readonly burn: number;
  readonly wait: number;
  /** Approximate bytes of the result. */
  readonly bytes: number;
  /** Whether the first attempt fails. */
  readonly fails: boolean;
}

/** Records its start and its end in a ledger; see soak/ledger.ts. */
export const ledgered = defineWorker(import.meta.url, {
  name: "ledgered",
  maxAttempts: 100,
  backoff: () => 50,
  perform: async ({ attempt, args }: Job<Args>) => {
    const { number, ledger, burn, wait, bytes, fails } = args;
    // A short line is one write, so lines of other processes cannot mix with it.
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
