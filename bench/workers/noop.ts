import { defineWorker, type Job } from "../../lib/worker.js";

/** What bare Piscina runs. */
export function run(): void {}

/** Does nothing. */
export const Noop = defineWorker(import.meta.url, { name: "noop", queue: "bench", perform: run });

/** Does nothing, many a message. */
export const Tiny = defineWorker(import.meta.url, { name: "tiny", queue: "bench", batch: 100, perform: run });

/** Gives its number back, so that a wrong result would show. */
export const Same = defineWorker(import.meta.url, {
  name: "same",
  queue: "bench",
  perform: ({ args }: Job<{ int: number }>) => args.int,
});
