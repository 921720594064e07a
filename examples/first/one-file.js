import { isMainThread } from "node:worker_threads";
import { Baton, defineWorker } from "pg-baton";

export const Double = defineWorker(import.meta.url, {
  name: "double",
  perform: (job) => job.args.int * 2,
});

// Threads import this file too, to find the worker.
if (isMainThread) {
  const connection = process.env.DATABASE_URL;
  const baton = await new Baton({ connection, queues: { default: 2 }, workers: [Double] }).start();
  console.log(await baton.call(Double.new({ int: 2 }))); // 4
  await baton.stop();
}
