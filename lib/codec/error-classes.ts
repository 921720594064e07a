import { types } from "node:util";
import * as ours from "../errors.js";

/**
 * A class of errors that may be restored as itself. Its constructor does not run: the error gets
 * the properties of the one that was encoded.
 */
export type ErrorClass = abstract new (...args: never[]) => Error;

/** The built-in classes. Their positions are their numbers on the wire, of three bits. */
export const BASES: readonly ErrorClass[] = [
  Error,
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
  AggregateError,
];
const BASE_OF = new Map<unknown, number>(BASES.map((base, index) => [base.prototype, index]));

/** Names of the built-in classes by their number on the wire. */
export const BASE_NAMES: readonly string[] = BASES.map((base) => base.name);

/** Whether a value is an error of any realm. */
export function isError(value: unknown): value is Error {
  if (typeof value !== "object" || value === null) return false;
  return types.isNativeError(value) || value instanceof Error || inheritsError(value);
}

/** The number of the nearest built-in class of an error. */
export function baseOf(error: Error): number {
  for (let proto = prototypeOf(error); proto !== null; proto = prototypeOf(proto)) {
    const base = BASE_OF.get(proto) ?? foreignBase(proto);
    if (base !== undefined) return base;
  }
  return 0;
}

const OURS: readonly ErrorClass[] = Object.values(ours);
const registries = new WeakMap<readonly ErrorClass[], ReadonlyMap<string, ErrorClass>>();

/** Classes by name: Baton's own and the registered ones, which take precedence. */
export function registry(classes: readonly ErrorClass[]): ReadonlyMap<string, ErrorClass> {
  let found = registries.get(classes);
  if (found === undefined) {
    found = new Map([...OURS, ...classes].map((each) => [each.name, each]));
    registries.set(classes, found);
  }
  return found;
}

/** Whether one of a value's prototypes is that of a built-in error of another realm. */
function inheritsError(value: object): boolean {
  for (let proto = prototypeOf(value); proto !== null; proto = prototypeOf(proto)) {
    // A value that inherits from this realm's Object is no error of another one.
    if (proto === Object.prototype) return false;
    if (foreignBase(proto) !== undefined) return true;
  }
  return false;
}

/** The number of a built-in class, by its prototype in another realm. */
function foreignBase(proto: object): number | undefined {
  if (!Object.hasOwn(proto, "name") || !Object.hasOwn(proto, "message")) return undefined;
  // Read without running a getter: that of DOMException throws when called on its prototype.
  const name: unknown = Reflect.getOwnPropertyDescriptor(proto, "name")?.value;
  const base = typeof name === "string" && proto.constructor?.name === name ? BASE_NAMES.indexOf(name) : -1;
  return base === -1 ? undefined : base;
}

function prototypeOf(value: object): object | null {
  return Object.getPrototypeOf(value) as object | null;
}
