import { defineWorker, type Job } from "../../lib/worker.js";

/** Takes down the whole process that it runs in, at once. */
export const poison = defineWorker(import.meta.url, {
  name: "poison",
  perform: (): void => {
    process.kill(process.pid, "SIGKILL");
  },
});

/** Which process it runs in. */
export const whereabouts = defineWorker(import.meta.url, {
  name: "whereabouts",
  perform: (_job: Job<Record<string, never>>) => process.pid,
});
