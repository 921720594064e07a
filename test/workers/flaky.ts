import { createHash } from "node:crypto";
import { defineWorker, type Job, snooze } from "../../lib/worker.js";

/** Fails so many attempts, then succeeds. Retried at once. */
export const flaky = defineWorker(import.meta.url, {
  name: "flaky",
  backoff: () => 0,
  perform: ({ attempt, args }: Job<{ failures: number }>) => {
    if (attempt <= args.failures) throw new Error(`attempt ${attempt} fails`);
    return `attempt ${attempt} succeeds`;
  },
});

const snoozed = new Set<number>();

/** Snoozes once for no time at all in each thread that it meets, then says which attempt it is. */
export const drowsy = defineWorker(import.meta.url, {
  name: "drowsy",
  perform: ({ id, attempt }: Job<Record<string, never>>) => {
    if (snoozed.has(id)) return attempt;
    snoozed.add(id);
    return snooze(0);
  },
});

/** Bytes that cannot be compressed, always the same ones. */
export const bytes = defineWorker(import.meta.url, {
  name: "bytes",
  perform: ({ args: { size } }: Job<{ size: number }>) =>
    createHash("shake256", { outputLength: size }).update("bytes").digest(),
});

/** Has a default for everything that a worker may have one for. */
export const defaulted = defineWorker(import.meta.url, {
  name: "defaulted",
  queue: "special",
  priority: 7,
  maxAttempts: 3,
  tags: ["from", "worker"],
  meta: { from: "worker" },
  perform: () => {},
});
