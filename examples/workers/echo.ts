import { defineWorker, type Job } from "../../lib/worker.js";

/** Gives back the value it was given. */
export default defineWorker(import.meta.url, {
  name: "echo",
  perform: (job: Job<{ value: unknown }>) => job.args.value,
});
