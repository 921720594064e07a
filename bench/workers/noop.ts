import { defineWorker, type Job } from "../../lib/worker.js";

/** For bare Piscina. */
export function run(): void {}

/** Does nothing. */
export const Noop = defineWorker(import.meta.url, { name: "noop", queue: "bench", perform: run });

/** Does nothing, with up to 100 jobs a message. */
export const Tiny = defineWorker(import.meta.url, { name: "tiny", queue: "bench", batch: 100, perform: run });

/** Returns its number, so that a wrong result shows. */
export const Same = defineWorker(import.meta.url, {
  name: "same",
  queue: "bench",
  perform: ({ args }: Job<{ int: number }>) => args.int,
});
