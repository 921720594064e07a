import { createHash } from "node:crypto";
import { defineWorker, type Job, snooze } from "../../lib/worker.js";

/** Fails so many attempts, retried at once, then succeeds. */
export const flaky = defineWorker(import.meta.url, {
  name: "flaky",
  backoff: () => 0,
  perform: ({ attempt, args }: Job<{ failures: number }>) => {
    if (attempt <= args.failures) throw new Error(`attempt ${attempt} fails`);
    return `attempt ${attempt} succeeds`;
  },
});

const snoozed = new Set<number>();

/** Snoozes for 0 s, once per thread, then returns the number of its attempt. */
export const drowsy = defineWorker(import.meta.url, {
  name: "drowsy",
  perform: ({ id, attempt }: Job<Record<string, never>>) => {
    if (snoozed.has(id)) return attempt;
    snoozed.add(id);
    return snooze(0);
  },
});

/** The same incompressible bytes each time. */
export const bytes = defineWorker(import.meta.url, {
  name: "bytes",
  perform: ({ args: { size } }: Job<{ size: number }>) =>
    createHash("shake256", { outputLength: size }).update("bytes").digest(),
});

/** Sets every default that a worker can set. */
export const defaulted = defineWorker(import.meta.url, {
  name: "defaulted",
  queue: "special",
  priority: 7,
  maxAttempts: 3,
  tags: ["from", "worker"],
  meta: { from: "worker" },
  perform: () => {},
});
