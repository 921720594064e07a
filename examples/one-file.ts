/**
 * Worker, host and caller in one file:
 *
 *   node dist/examples/one-file.js 30
 *
 * Threads import this file too, to find the worker: export it, and guard with `isMainThread`
 * everything that only the main thread should do. In a project of your own, import from "pg-baton".
 */
import { isMainThread } from "node:worker_threads";
import { Baton, defineWorker, type Job } from "../lib/index.js";
import { openDatabase } from "./database.js";

export const Fibonacci = defineWorker(import.meta.url, {
  name: "fibonacci",
  perform: ({ args }: Job<{ n: number }>) => fibonacci(args.n),
});

function fibonacci(n: number): number {
  return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

if (isMainThread) {
  const n = Number(process.argv[2] ?? 30);
  await using database = await openDatabase();
  const options = { connection: database.url, queues: { default: 2 }, workers: [Fibonacci] };
  await using baton = await new Baton(options).start();
  console.log(`fibonacci(${n}) is ${await baton.call(Fibonacci.new({ n }))}`);
}
