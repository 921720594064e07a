import {
  AwaitTimeoutError,
  JobCancelledError,
  JobDiscardedError,
  JobSnoozedError,
  ResultTooLargeError,
} from "../errors.js";
import type { Relay } from "./relay.js";
import type { AwaitResult } from "./result.js";

/**
 * Returns the value of a result, and throws an error for any other outcome: the job's
 * own error, or one of Baton's.
 */
export function unwrap<Result>(relay: Relay<Result>, result: AwaitResult<Result>): Result {
  if (result.ok) return result.value;
  const { error, reason, seconds, size, limit, job } = result;
  const name = `Job ${job.id} of worker ${relay.job.worker}`;
  switch (error) {
    case "discarded":
      throw new JobDiscardedError(`${name} was discarded${because(reason)}`, reason);
    case "cancelled":
      throw new JobCancelledError(`${name} was cancelled${because(reason)}`, reason);
    case "snoozed":
      throw new JobSnoozedError(
        `${name} was snoozed for ${seconds} s. Pass withRetries to await its next outcome`,
        seconds ?? 0,
      );
    case "result_too_large":
      throw new ResultTooLargeError(
        `${name} completed, but its result${bytes(size)} is over the resultLimit${bytes(limit, " compressed")}: raise it for the worker or its hosts, or return a reference`,
        size,
        limit,
      );
    case "timeout":
      throw new AwaitTimeoutError(`${name} had no outcome in time${standing(job)}${unserved(relay, reason)}`);
    default:
      throw error;
  }
}

function because(reason: unknown): string {
  return typeof reason === "string" ? `: ${reason}` : "";
}

/** Why no host runs the job, and what to do about it. */
function unserved({ job: { queue, worker } }: Relay, reason: unknown): string {
  if (reason === "no host serves this queue") {
    return `: no host serves this queue. Start one with the queue ${JSON.stringify(queue)}. The job waits for it.`;
  }
  if (reason === "no host has this worker") {
    const host = `a host of the queue ${JSON.stringify(queue)}`;
    return `: no host has this worker. Start ${host} with the worker ${JSON.stringify(worker)}. The job waits for it.`;
  }
  return ". It goes on.";
}

function bytes(count: number | undefined, how = " uncompressed"): string {
  return count === undefined ? "" : ` of ${count.toLocaleString("en")} bytes${how}`;
}

function standing({ state, attempt, host }: AwaitResult["job"]): string {
  if (state === undefined) return "";
  const where = host === undefined ? "" : ` on host ${host}`;
  return ` (it is ${state}${attempt === undefined || attempt === 0 ? "" : `, attempt ${attempt}${where}`})`;
}
