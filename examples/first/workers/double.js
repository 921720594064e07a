import { defineWorker } from "pg-baton/worker";

export default defineWorker(import.meta.url, {
  name: "double",
  perform: (job) => job.args.int * 2, // runs in a worker thread
});
