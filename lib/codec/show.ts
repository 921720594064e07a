import { inspect } from "node:util";
import { isError } from "./error-classes.js";

/**
 * Shows a value in a message, in at most 400 characters. Never throws, and calls no getter, trap or
 * custom inspection of the value.
 */
export function show(value: unknown): string {
  try {
    const text = inspect(value, {
      customInspect: false,
      depth: 1,
      breakLength: Infinity,
      maxArrayLength: 10,
      maxStringLength: 200,
    });
    return text.length > 400 ? `${text.slice(0, 400)}…` : text;
  } catch {
    return `a value that cannot be shown (${typeof value})`;
  }
}

/** The message of an error, or the value that was thrown instead of one. */
export function showThrown(thrown: unknown): string {
  try {
    if (isError(thrown) && typeof thrown.message === "string") return thrown.message;
  } catch {
    // A Proxy's trap threw. `show` calls none.
  }
  return show(thrown);
}
