import type { JobProblem } from "../errors.js";

/**
 * A type that survives JSON unchanged, as args must. Any other part becomes `never`, which makes
 * the definition of the worker a compile error at that property.
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

/** Levels of nested args or meta. PostgreSQL's JSON parser accepts far more. */
const DEPTH_LIMIT = 500;

/** Most problems listed for one value. */
const PROBLEM_LIMIT = 10;

/**
 * Lists the parts of a value that a `jsonb` column would not return unchanged, each with its path.
 * JSON.stringify drops or changes them silently. Undefined properties are allowed: they are
 * omitted, like optional ones.
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
        if (!Number.isFinite(value)) add(path, `is ${value}, which JSON cannot represent`);
        return;
      case "bigint":
        return add(path, "is a bigint, which JSON cannot represent: pass a string");
      case "object":
        if (value !== null) visitObject(value, path);
        return;
      case "undefined":
        return add(path, "is undefined, which JSON cannot represent: pass null, or omit it");
      default:
        return add(path, `is a ${typeof value}, which JSON cannot represent`);
    }
  }

  function visitObject(value: object, path: string): void {
    if (ancestors.has(value)) return add(path, "is a circular reference, which JSON cannot represent");
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
    if (text.includes("\0")) add(path, "contains a NUL character, which PostgreSQL cannot store");
    else if (!text.isWellFormed()) add(path, "contains half a surrogate pair, which PostgreSQL cannot store");
  }

  visit(value, path);
  return problems;
}

function isPlain(value: object): boolean {
  if (typeof (value as { toJSON?: unknown }).toJSON === "function") return false;
  const proto: unknown = Object.getPrototypeOf(value);
  // The Object.prototype of another realm (vm, test runners) has the prototype null too.
  return proto === null || Object.getPrototypeOf(proto) === null;
}
