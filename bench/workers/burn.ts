import { pbkdf2Sync } from "node:crypto";
import { defineWorker, type Job } from "../../lib/worker.js";

/**
 * Does a fixed amount of work: this many rounds of a hash. In native code, since the time of a loop
 * in JavaScript varies by a factor of three with the state of the compiler.
 */
export function run({ rounds }: { rounds: number }): string {
  return pbkdf2Sync("pg-baton", "bench", rounds, 32, "sha256").toString("hex");
}

export const Burn = defineWorker(import.meta.url, {
  name: "burn",
  queue: "bench",
  perform: ({ args }: Job<{ rounds: number }>) => run(args),
});
