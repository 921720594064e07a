import { randomFillSync } from "node:crypto";
import { types } from "node:util";
import { InvalidRelayError } from "../errors.js";

declare const RESULT: unique symbol;

/**
 * The handle of a job that was inserted to be awaited. Plain data that survives JSON.
 *
 * Any host on the same database can await it, now or later, any number of times. Anyone who holds
 * it can read the result, so treat the `ref` as a secret.
 */
export interface Relay<Result = unknown> {
  /** The inserted job. */
  readonly job: {
    /** The id of its row. */
    readonly id: number;
    /** The name of its worker. */
    readonly worker: string;
    /** The queue that it was inserted into. */
    readonly queue: string;
  };
  /** The id of the host that inserted the job. */
  readonly host: string;
  /** Identifies the relay: 128 random bits, as 22 characters of base64url. */
  readonly ref: string;
  /** Exists only in types: carries the result's type to `await`. */
  readonly [RESULT]?: Result;
}

const REF = /^[\w-]{21}[AQgw]$/;
const REF_BYTES = 16;
/** Random bytes for many refs, because a system call per ref would be most of its cost. */
const pool = Buffer.alloc(REF_BYTES * 128);
/** Bytes of `pool` that are used up. */
let drawn = pool.length;

/** Draws a new, unguessable ref. */
export function newRef(): string {
  if (drawn === pool.length) {
    randomFillSync(pool);
    drawn = 0;
  }
  drawn += REF_BYTES;
  return pool.toString("base64url", drawn - REF_BYTES, drawn);
}

/** Makes the relay of an inserted job. */
export function makeRelay(job: Relay["job"], host: string, ref: string): Relay {
  return Object.freeze({ job: Object.freeze(job), host, ref });
}

/**
 * Checks that a value is a relay, or was one before it went through JSON.
 *
 * @throws {@link InvalidRelayError}
 */
export function checkRelay(value: unknown): asserts value is Relay {
  if (typeof value !== "object" || value === null)
    throw new InvalidRelayError(`it is ${value === null || value === undefined ? String(value) : `a ${typeof value}`}`);
  if (types.isPromise(value)) throw new InvalidRelayError("it is a promise: await async() first");
  const { job, host, ref } = value as Partial<Relay>;
  if (typeof ref !== "string" || !REF.test(ref)) throw new InvalidRelayError("its ref is missing or malformed");
  if (typeof host !== "string") throw new InvalidRelayError("its host is missing");
  if (
    typeof job !== "object" ||
    job === null ||
    !Number.isSafeInteger(job.id) ||
    typeof job.worker !== "string" ||
    typeof job.queue !== "string"
  ) {
    throw new InvalidRelayError("its job is missing or malformed");
  }
}
