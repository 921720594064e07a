import { defineWorker, type Job } from "../../lib/worker.js";

/** Keeps a core busy for `ms` by the clock, and returns how many rounds its loop made. */
export default defineWorker(import.meta.url, {
  name: "burn",
  perform: ({ args: { ms } }: Job<{ ms: number }>) => {
    const end = performance.now() + ms;
    let rounds = 0;
    while (performance.now() < end) rounds += 1;
    return rounds;
  },
});
