import type { FailedOutcome } from "../job/outcome.js";
import { packException } from "./codec.js";
import { isError } from "./error-classes.js";
import { show } from "./show.js";

/** Characters of an error that the row's history keeps. */
const SUMMARY_LIMIT = 4_000;

/** The outcome of an attempt that threw, or whose thread died. Accepts any value; never throws. */
export function failure(thrown: unknown, resultLimit: number): FailedOutcome {
  return { type: "failed", error: packException(thrown, { resultLimit }), summary: summarize(thrown) };
}

/**
 * Describes a thrown value or a reason for people: an error by name, message and stack, a string as
 * it is. At most 4,000 characters, and none that `jsonb` rejects (NUL, half a surrogate pair).
 * Accepts any value and never throws.
 */
export function summarize(value: unknown): string {
  return describe(value).slice(0, SUMMARY_LIMIT).replaceAll("\0", "\uFFFD").toWellFormed();
}

function describe(value: unknown): string {
  if (typeof value === "string") return value;
  try {
    return isError(value) ? describeError(value) : show(value);
  } catch {
    // A getter or a proxy's trap threw. `show` calls neither.
    return show(value);
  }
}

function describeError({
  name,
  message,
  stack: recorded,
}: {
  name: unknown;
  message: unknown;
  stack?: unknown;
}): string {
  const head = `${String(name)}: ${String(message)}`;
  const stack = String(recorded);
  // The stack holds the name and message that the error had when it was made.
  if (stack.startsWith(head)) return stack;
  const frames = stack.search(/^ +at /m);
  return frames === -1 ? head : `${head}\n${stack.slice(frames)}`;
}
