import type { FailedOutcome } from "../job/outcome.js";
import { packException } from "./codec.js";
import { isError } from "./error-classes.js";
import { show } from "./show.js";

/** How much of an error the row's history keeps. */
const SUMMARY_LIMIT = 4_000;

/** The outcome of an attempt that threw, or whose thread died. Takes whatever can be thrown, and never throws itself. */
export function failure(thrown: unknown, resultLimit: number): FailedOutcome {
  return { type: "failed", error: packException(thrown, { resultLimit }), summary: summarize(thrown) };
}

/**
 * A thrown value or a reason as text for people: an error's name, message and stack, a string as it is. At most 4,000
 * characters, and none that `jsonb` refuses (NUL, half a surrogate pair). Never throws, whatever traps the value holds.
 */
export function summarize(value: unknown): string {
  return describe(value).slice(0, SUMMARY_LIMIT).replaceAll("\0", "\uFFFD").toWellFormed();
}

function describe(value: unknown): string {
  if (typeof value === "string") return value;
  try {
    return isError(value) ? describeError(value) : show(value);
  } catch {
    // A getter or a proxy's trap threw. `show` runs neither.
    return show(value);
  }
}

function describeError({
  name,
  message,
  stack: written,
}: {
  name: unknown;
  message: unknown;
  stack?: unknown;
}): string {
  const head = `${String(name)}: ${String(message)}`;
  const stack = String(written);
  // The stack was written when the error was made, under the name and message of that time.
  if (stack.startsWith(head)) return stack;
  const frames = stack.search(/^ +at /m);
  return frames === -1 ? head : `${head}\n${stack.slice(frames)}`;
}
