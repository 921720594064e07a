import { defineWorker, type Job } from "../../lib/worker.js";

/** Returns the value of its args. */
export default defineWorker(import.meta.url, {
  name: "echo",
  perform: (job: Job<{ value: unknown }>) => job.args.value,
});
