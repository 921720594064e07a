import { defineWorker, type Job, snooze } from "../../lib/worker.js";

interface ClockArgs {
  /** What the first attempt does. */
  readonly first?: "snooze" | "fail";
  /** s until the second attempt. */
  readonly delay?: number;
}

/** Returns the thread's time and the times of its job, in ms since the epoch. */
export const clock = defineWorker(import.meta.url, {
  name: "clock",
  backoff: ({ args: { delay = 0 } }) => delay * 1_000,
  perform: ({ attempt, insertedAt, scheduledAt, attemptedAt, args: { first, delay = 0 } }: Job<ClockArgs>) => {
    if (first === "fail" && attempt === 1) throw new Error("later");
    if (first === "snooze" && scheduledAt.getTime() === insertedAt.getTime()) return snooze(delay);
    return {
      own: Date.now(),
      made: new Date().getTime(),
      insertedAt: insertedAt.getTime(),
      scheduledAt: scheduledAt.getTime(),
      attemptedAt: attemptedAt.getTime(),
    };
  },
});
