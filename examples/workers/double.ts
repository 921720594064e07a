import { defineWorker, type Job } from "../../lib/worker.js";

/** Doubles a number: the smallest worker there is. */
export default defineWorker(import.meta.url, {
  name: "double",
  perform: (job: Job<{ int: number }>) => job.args.int * 2,
});
