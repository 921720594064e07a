import { inspect } from "node:util";
import { isError } from "./error-classes.js";

/** A value in a few words for a message: never throws, never runs a getter, a trap or an inspection of the value's own. */
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

/** What an error says, or what was thrown in its place. */
export function showThrown(thrown: unknown): string {
  try {
    if (isError(thrown) && typeof thrown.message === "string") return thrown.message;
  } catch {
    // A Proxy may refuse even to say what it is; `show` does not ask it.
  }
  return show(thrown);
}
