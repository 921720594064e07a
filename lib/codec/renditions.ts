import { types } from "node:util";
import { isError } from "./error-classes.js";
import { ErrorParts } from "./error-parts.js";
import { show, showThrown } from "./show.js";

/** How much of an error a rendition keeps. */
interface Allowance {
  /** Characters of each text. */
  readonly text: number;
  /** Levels of nesting. */
  readonly depth: number;
  /** Properties of each object. */
  readonly width: number;
  /** Objects in all. */
  readonly objects: number;
}

const ALLOWANCES: readonly Allowance[] = [
  { text: 16_384, depth: 6, width: 64, objects: 512 },
  { text: 2_048, depth: 4, width: 16, objects: 64 },
  { text: 256, depth: 2, width: 8, objects: 8 },
  { text: 64, depth: 0, width: 0, objects: 1 },
];

/**
 * Ways to render what a job threw, from faithful to bare. The first is the value as it is. Each
 * next one keeps less, and replaces with a word what cannot be encoded. Any of them may throw or
 * have too many bytes; {@link UNKNOWN_ERROR} does neither.
 */
export function renditions(thrown: unknown): readonly (() => unknown)[] {
  return [() => asError(thrown), ...ALLOWANCES.map((allowance) => () => new Sanitizer(allowance).render(thrown))];
}

/** The last resort, if no rendition could be encoded. */
export const UNKNOWN_ERROR = Object.assign(new ErrorParts(), { message: "unknown error" });

/** The error that was thrown, or one that stands for any other value. */
function asError(thrown: unknown): Error | ErrorParts {
  if (typeof thrown === "object" && thrown !== null && !types.isProxy(thrown) && isError(thrown)) return thrown;
  const parts = new ErrorParts();
  parts.message = `A value that is not an Error was thrown: ${show(thrown)}`;
  if (typeof thrown !== "function" && typeof thrown !== "symbol" && !types.isProxy(thrown)) parts.cause = [thrown];
  return parts;
}

/** Copies what can be encoded of an error, within an allowance. */
class Sanitizer {
  readonly #allowance: Allowance;
  /** Copies by their originals, so that identity and cycles survive. */
  readonly #copies = new Map<object, object>();

  constructor(allowance: Allowance) {
    this.#allowance = allowance;
  }

  render(thrown: unknown): ErrorParts {
    return this.#parts(asError(thrown), 0);
  }

  #parts(error: Error | ErrorParts, depth: number): ErrorParts {
    const parts = error instanceof ErrorParts ? error : takeApart(error);
    const copy = new ErrorParts();
    this.#copies.set(error, copy);
    copy.base = parts.base;
    copy.className = this.#text(parts.className);
    copy.name = this.#text(parts.name);
    if (parts.message !== undefined) copy.message = this.#text(parts.message);
    if (parts.stack !== undefined) copy.stack = this.#text(parts.stack);
    if (depth >= this.#allowance.depth) return copy;
    if (parts.cause !== undefined) copy.cause = [this.#value(parts.cause[0], depth + 1)];
    if (parts.errors !== undefined) copy.errors = [this.#value(parts.errors[0], depth + 1)];
    copy.source = this.#fill({}, parts.source, parts.keys, depth + 1);
    copy.keys = Object.keys(copy.source);
    return copy;
  }

  #value(value: unknown, depth: number): unknown {
    if (typeof value === "string") return this.#text(value);
    if (typeof value === "function") return "[function]";
    if (typeof value === "symbol") return `[${this.#text(String(value))}]`;
    if (typeof value === "bigint" && BigInt.asIntN(64, value) !== value) return "[bigint]";
    return typeof value === "object" && value !== null ? this.#object(value, depth) : value;
  }

  #object(value: object, depth: number): unknown {
    const known = this.#copies.get(value);
    if (known !== undefined) return known;
    try {
      if (types.isProxy(value)) return "[Proxy]";
      if (types.isDate(value)) return value;
      if (depth >= this.#allowance.depth || this.#copies.size >= this.#allowance.objects) return "[…]";
      if (isError(value)) return this.#parts(value, depth);
      if (Array.isArray(value)) return this.#array(value, depth);
      const tag = Object.prototype.toString.call(value).slice(8, -1);
      if (tag !== "Object" || types.isExternal(value)) return this.#text(show(value));
      const copy = {};
      this.#copies.set(value, copy);
      return this.#fill(copy, value, Object.keys(value), depth + 1);
    } catch {
      // A getter or trap of the part threw. The error around it matters more than the reason.
      return "[unreadable]";
    }
  }

  #array(value: readonly unknown[], depth: number): unknown[] {
    const copy: unknown[] = [];
    this.#copies.set(value, copy);
    const length = Math.min(value.length, this.#allowance.width);
    for (let index = 0; index < length; index++) copy.push(this.#value(value[index], depth + 1));
    return copy;
  }

  #fill(copy: object, source: object, keys: readonly string[], depth: number): object {
    for (const key of keys.slice(0, this.#allowance.width)) {
      let value: unknown;
      try {
        value = this.#value((source as Record<string, unknown>)[key], depth);
      } catch {
        value = "[unreadable]";
      }
      Object.defineProperty(copy, this.#text(key), { value, writable: true, configurable: true, enumerable: true });
    }
    return copy;
  }

  #text(text: string): string {
    const { text: length } = this.#allowance;
    return text.length <= length ? text : `${text.slice(0, length)}… and ${text.length - length} more characters`;
  }
}

function takeApart(error: Error): ErrorParts {
  try {
    return ErrorParts.of(error);
  } catch {
    // A getter of the error threw. Keep at least its message.
    return Object.assign(new ErrorParts(), { message: showThrown(error) });
  }
}
