import { randomBytes } from "node:crypto";
// In your own project: from "pg-baton/worker".
import { defineWorker, discard, type Job, snooze } from "../../lib/worker.js";

/** An error of the application's own, to see it come back whole. */
export class PaymentError extends Error {
  override readonly name = "PaymentError";
  readonly code = "E_DECLINED";
  readonly amount: number;

  constructor(message: string, amount: number, options?: ErrorOptions) {
    super(message, options);
    this.amount = amount;
  }
}

/** Keeps its thread busy for so long. */
export const slow = defineWorker(import.meta.url, {
  name: "slow",
  perform: ({ args: { ms } }: Job<{ ms: number }>) => {
    const end = performance.now() + ms;
    while (performance.now() < end);
    return `worked for ${ms} ms`;
  },
});

/** Returns more than fits. */
export const large = defineWorker(import.meta.url, {
  name: "large",
  perform: ({ args: { bytes } }: Job<{ bytes: number }>) => randomBytes(bytes),
});

/** Puts itself off once, for a second, and works then. */
export const later = defineWorker(import.meta.url, {
  name: "later",
  perform: ({ insertedAt }: Job<{ topic: string }>) =>
    Date.now() - insertedAt.getTime() < 1_000 ? snooze(1) : "worked at the second try",
});

/** Finds that there is nothing to do. */
export const pointless = defineWorker(import.meta.url, {
  name: "pointless",
  perform: ({ args: { file } }: Job<{ file: string }>) => discard(`${file} is gone`),
});

/** Fails with an error of its own. */
export const declined = defineWorker(import.meta.url, {
  name: "declined",
  perform: ({ args: { amount } }: Job<{ amount: number }>): never => {
    throw new PaymentError("The bank declined", amount, { cause: new RangeError("over the limit") });
  },
});
