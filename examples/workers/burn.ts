import { defineWorker, type Job } from "../../lib/worker.js";

/** Keeps a core busy for so many ms by the clock, and returns how often it went round. */
export default defineWorker(import.meta.url, {
  name: "burn",
  perform: ({ args: { ms } }: Job<{ ms: number }>) => {
    const end = performance.now() + ms;
    let rounds = 0;
    while (performance.now() < end) rounds += 1;
    return rounds;
  },
});
