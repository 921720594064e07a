import { pack, packException } from "../codec/codec.js";
import { failure, summarize } from "../codec/failure.js";
import { type Control, isControl } from "../control.js";
import { EncodeError } from "../errors.js";
import type { Encoded } from "../job/answer.js";
import type { Job, JsonObject, ThreadJob } from "../job/job.js";
import type { Outcome } from "../job/outcome.js";
import type { AnyWorker } from "../worker.js";
import type { Attempt } from "./attempt.js";
import type { Modules } from "./modules.js";

/** A job for a thread. */
export interface Task {
  readonly job: ThreadJob;
  /** The module that exports the worker. */
  readonly url: string;
  /** Bytes of a result after compression, unless the worker has a limit of its own. */
  readonly resultLimit: number;
}

/** One execution of a job in a thread, and its outcome. */
export interface Run {
  readonly outcome: Outcome;
  /** ms in the thread. */
  readonly duration: number;
  /** -1 if the thread died, or the job never reached one. */
  readonly threadId: number;
}

/** In ms. */
const CENTURY = 100 * 365 * 86_400_000;

/**
 * Performs a job. Never rejects: every error becomes a failed outcome, except those that do not
 * belong in it, which go to `report`.
 */
export async function perform(
  attempt: Attempt,
  { job: claimed, url, resultLimit }: Task,
  modules: Modules,
  report: (error: unknown) => void,
): Promise<Outcome> {
  let worker: AnyWorker | null = null;
  let job: Job<never> | null = null;
  try {
    // Not part of the attempt: a module's own timers do not belong to the first job that needs it.
    const found = await modules.find(url, claimed.worker);
    const parsed = parse(claimed);
    worker = found;
    job = parsed;
    const returned = await attempt.execute(() => found.perform(parsed, attempt.context));
    const limit = found.resultLimit ?? resultLimit;
    return isControl(returned) ? controlOutcome(returned, limit) : valueOutcome(returned, limit);
  } catch (error) {
    const failed = failure(error, resultLimit);
    const backoff = worker === null || job === null ? null : ownBackoff(attempt, worker, job, report);
    return backoff === null ? failed : { ...failed, backoff };
  }
}

function parse({ claim: _claim, ...job }: ThreadJob): Job<never> {
  return {
    ...job,
    args: JSON.parse(job.args) as never,
    meta: JSON.parse(job.meta) as JsonObject,
    scheduledAt: new Date(job.scheduledAt),
    insertedAt: new Date(job.insertedAt),
    attemptedAt: new Date(job.attemptedAt),
  };
}

function valueOutcome(value: unknown, resultLimit: number): Outcome {
  if (value === undefined) return { type: "completed", result: null };
  const packed = pack(value, { resultLimit });
  if (!packed.tooLarge) return { type: "completed", result: packed };
  const facts = pack([packed.size, resultLimit]);
  return facts.tooLarge ? { type: "too_large" } : { type: "too_large", facts };
}

function controlOutcome(control: Control, resultLimit: number): Outcome {
  switch (control.type) {
    case "snooze": {
      const { seconds } = control;
      return { type: "snoozed", seconds, value: packReason(seconds, resultLimit) };
    }
    case "cancel":
      return { type: "cancelled", ...reasoned("Cancelled", control.reason, resultLimit) };
    case "discard":
      return { type: "discarded", ...reasoned("Discarded", control.reason, resultLimit) };
  }
}

function reasoned(word: string, reason: unknown, resultLimit: number): { reason: Encoded; summary: string } {
  const summary = reason === undefined ? word : summarize(`${word}: ${summarize(reason)}`);
  return { reason: packReason(reason, resultLimit), summary };
}

/** Encodes a reason. If that fails, the error takes its place; the type of outcome stays. */
function packReason(reason: unknown, resultLimit: number): Encoded {
  try {
    const packed = pack(reason, { resultLimit });
    if (!packed.tooLarge) return packed;
    throw new EncodeError("$", `the reason has ${packed.size} bytes, over the resultLimit of ${resultLimit}`);
  } catch (error) {
    return packException(error, { resultLimit });
  }
}

/**
 * Returns the ms until the retry by the worker's `backoff`; null for the default.
 * Reports a failing `backoff`.
 */
function ownBackoff(
  attempt: Attempt,
  worker: AnyWorker,
  job: Job<never>,
  report: (error: unknown) => void,
): number | null {
  if (worker.backoff === undefined) return null;
  try {
    const delay: unknown = attempt.call(() => worker.backoff?.(job));
    if (typeof delay === "number" && delay >= 0 && delay <= CENTURY) return delay;
    throw new RangeError(
      `backoff of worker ${worker.name} must return from 0 to ${CENTURY} ms (a century), not ${summarize(delay)}: the default applies`,
    );
  } catch (error) {
    report(error);
    return null;
  }
}
