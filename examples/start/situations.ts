/** Workers for the other things that can come of a job. Each is a few lines; each runs in a thread, like any worker. */
import { randomBytes } from "node:crypto";
import { defineWorker, discard, type Job, snooze } from "../../lib/worker.js"; // yours: "pg-baton/worker"
import { QuotaError } from "./quota-error.js";

/** Gives back so many random bytes: nothing compresses them. */
export const Blob = defineWorker(import.meta.url, {
  name: "blob",
  queue: "there",
  perform: ({ args: { bytes } }: Job<{ bytes: number }>) => randomBytes(bytes),
});

/** Is not ready before its time, and says so. */
export const Patient = defineWorker(import.meta.url, {
  name: "patient",
  queue: "there",
  perform: ({ args: { readyAt } }: Job<{ readyAt: number }>) => {
    return Date.now() < readyAt ? snooze(1) : "ready";
  },
});

/** Finds out that trying again would be in vain. */
export const Picky = defineWorker(import.meta.url, {
  name: "picky",
  queue: "there",
  perform: ({ args: { type } }: Job<{ type: string }>) => discard({ refused: type, accepted: ["png", "webp"] }),
});

/** Throws an error of its own class, with a code, a property and a cause. */
export const Spender = defineWorker(import.meta.url, {
  name: "spender",
  queue: "there",
  maxAttempts: 1,
  perform: ({ args: { account, bytes } }: Job<{ account: string; bytes: number }>): number => {
    throw new QuotaError(account, bytes, { cause: new RangeError(`${bytes} is over 1000`) });
  },
});
