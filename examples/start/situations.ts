/** Workers for the other outcomes of a job. Each runs in a thread, like any worker. */
import { randomBytes } from "node:crypto";
import { defineWorker, discard, type Job, snooze } from "../../lib/worker.js"; // in your project: "pg-baton/worker"
import { QuotaError } from "./quota-error.js";

/** Returns random bytes, which cannot be compressed. */
export const Blob = defineWorker(import.meta.url, {
  name: "blob",
  queue: "there",
  perform: ({ args: { bytes } }: Job<{ bytes: number }>) => randomBytes(bytes),
});

/** Snoozes until its time has come. */
export const Patient = defineWorker(import.meta.url, {
  name: "patient",
  queue: "there",
  perform: ({ args: { readyAt } }: Job<{ readyAt: number }>) => {
    return Date.now() < readyAt ? snooze(1) : "ready";
  },
});

/** Discards its job, because a retry would fail again. */
export const Picky = defineWorker(import.meta.url, {
  name: "picky",
  queue: "there",
  perform: ({ args: { type } }: Job<{ type: string }>) => discard({ refused: type, accepted: ["png", "webp"] }),
});

/** Throws an error of the application's own class, with a code, properties and a cause. */
export const Spender = defineWorker(import.meta.url, {
  name: "spender",
  queue: "there",
  maxAttempts: 1,
  perform: ({ args: { account, bytes } }: Job<{ account: string; bytes: number }>): number => {
    throw new QuotaError(account, bytes, { cause: new RangeError(`${bytes} is over 1000`) });
  },
});
