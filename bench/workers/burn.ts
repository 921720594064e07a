import { pbkdf2Sync } from "node:crypto";
import { defineWorker, type Job } from "../../lib/worker.js";

/**
 * The same amount of work every time: so many rounds of a hash. Native code, since a loop in JavaScript takes now 10 ms, now
 * 30, by what the compiler makes of it after a thousand calls.
 */
export function run({ rounds }: { rounds: number }): string {
  return pbkdf2Sync("pg-baton", "bench", rounds, 32, "sha256").toString("hex");
}

export const Burn = defineWorker(import.meta.url, {
  name: "burn",
  queue: "bench",
  perform: ({ args }: Job<{ rounds: number }>) => run(args),
});
