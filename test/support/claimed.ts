import { unpack } from "../../lib/codec/codec.js";
import type { ClaimedJob } from "../../lib/job/job.js";
import type { Outcome } from "../../lib/job/outcome.js";

let lastId = 0;

/** A claimed job, without a database. */
export function claimedJob(worker: string, args: unknown = {}, rest: Partial<ClaimedJob> = {}): ClaimedJob {
  lastId += 1;
  return {
    id: lastId,
    claim: 1,
    worker,
    queue: "default",
    args: JSON.stringify(args),
    meta: "{}",
    tags: [],
    priority: 0,
    attempt: 1,
    maxAttempts: 20,
    suspicion: 0,
    begun: true,
    awaited: false,
    scheduledAt: 1_700_000_000_000,
    insertedAt: 1_700_000_000_000,
    attemptedAt: 1_700_000_000_000,
    ref: null,
    ...rest,
  };
}

/** The URL of a compiled module in test/workers. */
export function testModule(name: string): string {
  return new URL(`../workers/${name}`, import.meta.url).href;
}

/** The URL of a compiled module in examples/workers. */
export function sampleModule(name: string): string {
  return new URL(`../../examples/workers/${name}`, import.meta.url).href;
}

/** The decoded value of an outcome; undefined if it has none. */
export function valueIn(outcome: Outcome): unknown {
  const encoded =
    outcome.type === "completed"
      ? outcome.result
      : outcome.type === "failed"
        ? outcome.error
        : outcome.type === "snoozed"
          ? outcome.value
          : outcome.type === "cancelled" || outcome.type === "discarded"
            ? outcome.reason
            : null;
  return encoded === null ? undefined : unpack(encoded.encoding, encoded.bytes, { resultLimit: 1_000_000 });
}
