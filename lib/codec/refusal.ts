import { EncodeError } from "../errors.js";
import { Overflow } from "./output.js";
import { showThrown } from "./show.js";

/** Why a part of a value cannot be encoded. The way to that part is found while the stack unwinds: it costs nothing before. */
export class Refusal extends Error {
  readonly #path: string[] = [];

  toEncodeError(): EncodeError {
    return new EncodeError(`$${this.#path.toReversed().join("")}`, this.message);
  }

  /** `thrown` seen from one level up: below `segment`. What is no refusal was thrown by a getter or a trap of the value. */
  static below(segment: string, thrown: unknown): Error {
    if (thrown instanceof Overflow) return thrown;
    const refusal = Refusal.of(thrown);
    refusal.#path.push(segment);
    return refusal;
  }

  static of(thrown: unknown): Refusal {
    return thrown instanceof Refusal ? thrown : new Refusal(`reading it threw ${showThrown(thrown)}`);
  }
}

/** `.name` or `["odd name"]`. */
export function property(key: string): string {
  return /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
}
