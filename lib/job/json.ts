import type { JobProblem } from "../errors.js";

/**
 * A type that JSON gives back as it was: what args may be. Anything else becomes `never`, which makes the
 * worker's definition a compile error at the property in question.
 */
export type Json<T> = unknown extends T
  ? T
  : T extends string | number | boolean | null
    ? T
    : T extends NotJson
      ? never
      : T extends object
        ? { [Key in keyof T]: undefined extends T[Key] ? Json<Exclude<T[Key], undefined>> | undefined : Json<T[Key]> }
        : never;

type NotJson =
  | ((...args: never[]) => unknown)
  | bigint
  | symbol
  | Date
  | RegExp
  | Error
  | ReadonlyMap<unknown, unknown>
  | ReadonlySet<unknown>
  | ArrayBufferLike
  | ArrayBufferView
  | Promise<unknown>;

/** How deep args and meta may nest. Far below where PostgreSQL's own JSON parser gives up. */
const DEPTH_LIMIT = 500;

/** No more problems than these are listed for one value: the first few say what is wrong. */
const PROBLEM_LIMIT = 10;

/**
 * Lists what in a value would not come back from a `jsonb` column as it went in, each with its path. JSON.stringify
 * drops or changes all of these without a word. A property that is undefined is fine: it is left out, as an optional
 * property is.
 */
export function jsonProblems(value: unknown, path: string): JobProblem[] {
  const problems: JobProblem[] = [];
  const ancestors = new Set<object>();

  function add(field: string, problem: string): void {
    problems.push({ field, problem });
  }

  function visit(value: unknown, path: string): void {
    if (problems.length >= PROBLEM_LIMIT) return;
    switch (typeof value) {
      case "boolean":
        return;
      case "string":
        return checkText(value, path);
      case "number":
        if (!Number.isFinite(value)) add(path, `is ${value}, which JSON has no word for`);
        return;
      case "bigint":
        return add(path, "is a bigint, which JSON cannot hold: pass a string");
      case "object":
        if (value !== null) visitObject(value, path);
        return;
      case "undefined":
        return add(path, "is undefined, which JSON cannot hold: pass null, or leave it out");
      default:
        return add(path, `is a ${typeof value}, which JSON cannot hold`);
    }
  }

  function visitObject(value: object, path: string): void {
    if (ancestors.has(value)) return add(path, "refers back to an object that holds it: JSON has no cycles");
    if (ancestors.size >= DEPTH_LIMIT) return add(path, `is nested deeper than ${DEPTH_LIMIT} levels`);
    ancestors.add(value);
    if (Array.isArray(value)) {
      const { length } = value;
      for (let index = 0; index < length && problems.length < PROBLEM_LIMIT; index += 1) {
        visit(value[index], `${path}[${index}]`);
      }
    } else if (isPlain(value)) {
      for (const [key, item] of Object.entries(value)) {
        checkText(key, `${path} key ${JSON.stringify(key)}`);
        if (item !== undefined) visit(item, `${path}.${key}`);
      }
    } else {
      add(path, `is a ${value.constructor?.name ?? "class instance"}, which does not survive JSON: pass plain data`);
    }
    ancestors.delete(value);
  }

  function checkText(text: string, path: string): void {
    if (text.includes("\0")) add(path, "holds a NUL character, which PostgreSQL cannot store");
    else if (!text.isWellFormed()) add(path, "holds half a surrogate pair, which PostgreSQL cannot store");
  }

  visit(value, path);
  return problems;
}

function isPlain(value: object): boolean {
  if (typeof (value as { toJSON?: unknown }).toJSON === "function") return false;
  const proto: unknown = Object.getPrototypeOf(value);
  // An object from another realm (vm, test runner) has another Object.prototype, whose own prototype is null too.
  return proto === null || Object.getPrototypeOf(proto) === null;
}
