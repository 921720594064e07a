import { isError } from "../codec/error-classes.js";
import { DecodeError, JobNotFoundError } from "../errors.js";
import { ANSWER_KINDS, type AnswerKind, type Encoded, type StoredAnswer } from "../job/answer.js";
import type { JobState } from "../job/job.js";
import type { UnservedReason } from "./answer-source.js";
import type { Delivery, Via } from "./mailbox.js";
import type { Relay } from "./relay.js";

/** What is known of the awaited job. Unknown properties are absent. */
export interface AwaitedJob {
  /** The id of its row. */
  readonly id: number;
  /** The state that the job was in when the result was sent. */
  readonly state?: JobState;
  /** The number of its last attempt. */
  readonly attempt?: number;
  /** The id of the host that ran the job last. */
  readonly host?: string;
}

/**
 * Why an await has no value. An `Error` is the job's own, or one of Baton's
 * that says why there is none.
 */
export type AwaitError = "discarded" | "cancelled" | "snoozed" | "result_too_large" | "timeout" | Error;

/**
 * What `await` resolves to: `ok: true` with the job's value, or `ok: false`
 * with an {@link AwaitError}.
 */
export type AwaitResult<Result = unknown> =
  | {
      /** The job completed. */
      readonly ok: true;
      /** The value that `perform` resolved to. */
      readonly value: Result;
      /** The job. */
      readonly job: AwaitedJob;
      /** How the result arrived. */
      readonly via: Via;
    }
  | {
      /** There is no value. */
      readonly ok: false;
      /** Why there is no value. */
      readonly error: AwaitError;
      /**
       * The reason that the worker passed to `discard` or `cancel`. For a timeout, why no host
       * runs the job, if known: `"no host serves this queue"` or `"no host has this worker"`.
       */
      readonly reason?: unknown;
      /** Seconds after which a snoozed job runs again. */
      readonly seconds?: number;
      /**
       * Uncompressed bytes of a result that is too large; a lower bound, since
       * encoding may stop at the limit.
       */
      readonly size?: number;
      /** The limit that it exceeds, in compressed bytes. */
      readonly limit?: number;
      /** The job. */
      readonly job: AwaitedJob;
      /** How the answer arrived. Absent for a timeout, and for a job whose row is gone. */
      readonly via?: Via;
    };

/**
 * Decodes a value from the codec's bytes.
 *
 * @throws `DecodeError`
 */
export type Decode = (encoded: Encoded) => unknown;

const STATES: Readonly<Record<AnswerKind, JobState>> = {
  [ANSWER_KINDS.completed]: "completed",
  [ANSWER_KINDS.value]: "completed",
  [ANSWER_KINDS.tooLarge]: "completed",
  [ANSWER_KINDS.failed]: "retryable",
  [ANSWER_KINDS.exhausted]: "discarded",
  [ANSWER_KINDS.discarded]: "discarded",
  [ANSWER_KINDS.cancelled]: "cancelled",
  [ANSWER_KINDS.snoozed]: "scheduled",
};

/**
 * Converts a delivery to a result. Decodes the value anew for each awaiter, so
 * that no two share an object.
 */
export function toResult(relay: Relay, delivery: Delivery, decode: Decode): AwaitResult {
  const { answer, via } = delivery;
  const job = jobOf(relay, { state: STATES[answer.kind], attempt: delivery.attempt, host: delivery.host });
  const value = (): unknown => (answer.encoding === "-" ? undefined : decode({ ...answer, encoding: answer.encoding }));
  try {
    switch (answer.kind) {
      case ANSWER_KINDS.completed:
        return { ok: true, value: undefined, job, via };
      case ANSWER_KINDS.value:
        return { ok: true, value: value(), job, via };
      case ANSWER_KINDS.tooLarge:
        return { ok: false, error: "result_too_large", ...sizes(value()), job, via };
      case ANSWER_KINDS.discarded:
        return { ok: false, error: "discarded", reason: value(), job, via };
      case ANSWER_KINDS.cancelled:
        return { ok: false, error: "cancelled", reason: value(), job, via };
      case ANSWER_KINDS.snoozed:
        return { ok: false, error: "snoozed", seconds: Number(value()), job, via };
      case ANSWER_KINDS.failed:
      case ANSWER_KINDS.exhausted:
        return withJson({ ok: false, error: asError(value()), job, via });
    }
  } catch (error) {
    return withJson({ ok: false, error: asError(error), job, via });
  }
}

/**
 * Makes `JSON.stringify` write the error of a result, which would be `{}` otherwise. The
 * property is not enumerable, so that the result stays deeply equal to one without it.
 */
function withJson(result: AwaitResult): AwaitResult {
  return Object.defineProperty(result, "toJSON", { value: resultJson });
}

/** Omits the stack, which shows paths of the host that ran the job. */
function resultJson(this: AwaitResult): object {
  if (this.ok || typeof this.error === "string") return { ...this };
  const { error } = this;
  if (typeof (error as { toJSON?: unknown }).toJSON === "function") return { ...this };
  const { name, message, code } = error as NodeJS.ErrnoException;
  return { ...this, error: { name, message, ...(isCode(code) ? { code } : {}) } };
}

function isCode(code: unknown): boolean {
  return typeof code === "string" || typeof code === "number";
}

function sizes(facts: unknown): { size?: number; limit?: number } {
  if (!Array.isArray(facts)) return {};
  const [size, limit] = facts as unknown[];
  return typeof size === "number" && typeof limit === "number" ? { size, limit } : {};
}

/**
 * Makes the result of an await without an outcome in time. `stored` is the row at the
 * deadline, if it could be read.
 */
export function timeoutResult(relay: Relay, stored?: StoredAnswer, reason?: UnservedReason): AwaitResult {
  const job = jobOf(relay, stored ?? {});
  return { ok: false, error: "timeout", ...(reason === undefined ? {} : { reason }), job };
}

/** Makes the result of an await of a job whose row is gone. */
export function goneResult(relay: Relay): AwaitResult {
  const { id, worker } = relay.job;
  const message = `Job ${id} of worker ${worker} no longer exists: it was pruned after its retention, or deleted. Its outcome is lost.`;
  return withJson({ ok: false, error: new JobNotFoundError(message), job: { id } });
}

function jobOf(
  { job: { id } }: Relay,
  {
    state,
    attempt,
    host,
  }: { state?: JobState | undefined; attempt?: number | undefined; host?: string | null | undefined },
): AwaitedJob {
  return {
    id,
    ...(state === undefined ? {} : { state }),
    ...(attempt === undefined ? {} : { attempt }),
    ...(host === undefined || host === null ? {} : { host }),
  };
}

function asError(value: unknown): Error {
  return isError(value) ? value : new DecodeError("it should be an error, but is another value");
}
