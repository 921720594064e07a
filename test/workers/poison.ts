import { defineWorker, type Job } from "../../lib/worker.js";

/** Kills the whole process at once. */
export const poison = defineWorker(import.meta.url, {
  name: "poison",
  perform: (): void => {
    process.kill(process.pid, "SIGKILL");
  },
});

/** Returns the id of its process. */
export const whereabouts = defineWorker(import.meta.url, {
  name: "whereabouts",
  perform: (_job: Job<Record<string, never>>) => process.pid,
});
