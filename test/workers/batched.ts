import { appendFileSync } from "node:fs";
import { threadId } from "node:worker_threads";
import { defineWorker, type Job } from "../../lib/worker.js";

export interface BatchedArgs {
  readonly int: number;
  /** The file that gets a line for each run. */
  readonly log?: string;
  /** What the first attempt does instead. */
  readonly fault?: "exit" | "throw";
}

/** Returns its number. Shares a message with up to nine other jobs. */
export const batched = defineWorker(import.meta.url, {
  name: "batched",
  batch: 10,
  maxAttempts: 2,
  backoff: () => 0,
  perform: ({ args: { int, log, fault }, attempt }: Job<BatchedArgs>) => {
    if (log !== undefined) appendFileSync(log, `${int} ${attempt} ${threadId}\n`);
    if (attempt === 1 && fault === "exit") process.exit(3);
    if (attempt === 1 && fault === "throw") throw new Error(`not ${int}`);
    return int;
  },
});
