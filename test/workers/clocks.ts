import { defineWorker, type Job, snooze } from "../../lib/worker.js";

interface ClockArgs {
  /** What to do the first time. */
  readonly first?: "snooze" | "fail";
  /** s until the second. */
  readonly delay?: number;
}

/** Tells what the times are, all in ms: the thread's own and those that its job has. */
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
