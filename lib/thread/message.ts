import type { ThreadJob } from "../job/job.js";
import type { Outcome } from "../job/outcome.js";
import type { Run, Task } from "./perform.js";

/**
 * Tasks and runs as they travel between host and thread: as arrays, because cloning an
 * object writes, reads and looks up the name of each property. Arrays make the round trip
 * of a short job a fifth shorter.
 */

/** Jobs of one module. */
export type TasksMessage = readonly [url: string, resultLimit: number, ...jobs: JobMessage[]];
type JobMessage = ReturnType<typeof jobMessage>;

/** The message for jobs of one module, which run one after the other. */
export function tasksMessage(jobs: readonly ThreadJob[], url: string, resultLimit: number): TasksMessage {
  return [url, resultLimit, ...jobs.map(jobMessage)];
}

export function readTasks([url, resultLimit, ...jobs]: TasksMessage): Task[] {
  return jobs.map((message) => ({ job: readJob(message), url, resultLimit }));
}

function jobMessage(job: ThreadJob) {
  const { id, claim, worker, queue, args, meta, tags, priority, attempt, maxAttempts } = job;
  const { scheduledAt, insertedAt, attemptedAt } = job;
  return [
    id,
    claim,
    worker,
    queue,
    args,
    meta,
    tags,
    priority,
    attempt,
    maxAttempts,
    scheduledAt,
    insertedAt,
    attemptedAt,
  ] as const;
}

function readJob(message: JobMessage): ThreadJob {
  const [id, claim, worker, queue, args, meta, tags, priority, attempt, maxAttempts, ...rest] = message;
  const [scheduledAt, insertedAt, attemptedAt] = rest;
  const row = { id, claim, worker, queue, args, meta, tags, priority, attempt, maxAttempts };
  return { ...row, scheduledAt, insertedAt, attemptedAt };
}

/** The most common outcome, a value, travels in pieces. Any other travels as it is. */
export type RunMessage =
  | readonly [duration: number, threadId: number, encoding: "b" | "z", bytes: Uint8Array]
  | readonly [duration: number, threadId: number, outcome: Outcome];

export function runMessage({ outcome, duration, threadId }: Run): RunMessage {
  if (outcome.type !== "completed" || outcome.result === null) return [duration, threadId, outcome];
  return [duration, threadId, outcome.result.encoding, outcome.result.bytes];
}

export function readRun(message: RunMessage): Run {
  if (message.length === 3) return { outcome: message[2], duration: message[0], threadId: message[1] };
  const [duration, threadId, encoding, bytes] = message;
  return { outcome: { type: "completed", result: { encoding, bytes } }, duration, threadId };
}
