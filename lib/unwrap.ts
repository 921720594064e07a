import {
  AwaitTimeoutError,
  JobCancelledError,
  JobDiscardedError,
  JobSnoozedError,
  ResultTooLargeError,
} from "./errors.js";
import type { Relay } from "./relay/relay.js";
import type { AwaitResult } from "./relay/result.js";

/** An outcome as `call` gives it: the value is returned, any other fate is thrown, the job's own error as it is. */
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
      throw new JobSnoozedError(`${name} was snoozed for ${seconds} s; withRetries waits for it`, seconds ?? 0);
    case "result_too_large":
      throw new ResultTooLargeError(
        `${name} completed, but its result${bytes(size)} is over the resultLimit${bytes(limit, " compressed")}: raise it for the worker or its hosts, or return a reference`,
        size,
        limit,
      );
    case "timeout":
      throw new AwaitTimeoutError(`${name} had no outcome in time${standing(job)}. It goes on.`);
    default:
      throw error;
  }
}

function because(reason: unknown): string {
  return typeof reason === "string" ? `: ${reason}` : "";
}

function bytes(count: number | undefined, how = " uncompressed"): string {
  return count === undefined ? "" : ` of ${count.toLocaleString("en")} bytes${how}`;
}

function standing({ state, attempt, host }: AwaitResult["job"]): string {
  if (state === undefined) return "";
  const where = host === undefined ? "" : ` on host ${host}`;
  return ` (it is ${state}${attempt === undefined || attempt === 0 ? "" : `, attempt ${attempt}${where}`})`;
}
