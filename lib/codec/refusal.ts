import { EncodeError } from "../errors.js";
import { Overflow } from "./output.js";
import { showThrown } from "./show.js";

/**
 * Thrown when a part of a value cannot be encoded. Each level adds its segment of the path while
 * the stack unwinds, so paths cost nothing unless a part is refused.
 */
export class Refusal extends Error {
  /** Segments, the innermost first. */
  readonly #path: string[] = [];

  toEncodeError(): EncodeError {
    return new EncodeError(`$${this.#path.toReversed().join("")}`, this.message);
  }

  /** What to throw one level up, when `thrown` came from below `segment`. */
  static below(segment: string, thrown: unknown): Error {
    if (thrown instanceof Overflow) return thrown;
    const refusal = Refusal.of(thrown);
    refusal.#path.push(segment);
    return refusal;
  }

  /** `thrown` as a refusal. Anything else was thrown by a getter or a trap of the value. */
  static of(thrown: unknown): Refusal {
    return thrown instanceof Refusal ? thrown : new Refusal(`reading it threw ${showThrown(thrown)}`);
  }
}

/** The path segment of a key: `.name` or `["odd name"]`. */
export function property(key: string): string {
  return /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
}
