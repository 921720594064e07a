/**
 * Worker and host in one file without the necessary guard, so each thread
 * that imports it starts a Baton too. UNGUARDED is `awaited` or `floating`:
 * whether the module awaits the start. Prints the outcome of its job.
 */
import { subscribe } from "node:diagnostics_channel";
import { isMainThread, workerData } from "node:worker_threads";
import { Baton, defineWorker, type Job } from "../../../lib/index.js";

export const Unguarded = defineWorker(import.meta.url, {
  name: "unguarded",
  perform: ({ args }: Job<{ int: number }>) => args.int * 2,
});

// Threads inherit the environment of the process, not its arguments.
const { UNGUARDED: how, DATABASE_URL: connection = "" } = process.env;
const baton = new Baton({ connection, queues: { default: 2 }, threads: 1, workers: [Unguarded] });
const stray = new Promise<string>((resolve) => {
  subscribe("pg-baton:job:stray", (event) => resolve(String((event as { error: unknown }).error)));
});

const started = baton.start();
if (how === "awaited" || workerData === null) await started;
if (isMainThread) {
  const relay = await baton.async(Unguarded.new({ int: 2 }, { maxAttempts: 1 }));
  const result = await baton.await(relay, Number.POSITIVE_INFINITY);
  console.log(
    JSON.stringify(result.ok ? { value: result.value, stray: await stray } : { error: String(result.error) }),
  );
  await baton.stop();
  process.disconnect?.();
}
