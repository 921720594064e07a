import { types } from "node:util";
import * as batonErrors from "../errors.js";

/**
 * Errors on their way: taken apart without ever throwing, whatever a job threw, and put together as real errors. A class
 * comes back as itself where it is built in, Baton's own, or registered by whoever decodes; else as an Error that keeps its name.
 */

/** Any class of errors: what the `errors` option takes. Instances are made without running the constructor. */
export type ErrorClass = abstract new (...args: never[]) => Error;

export interface ErrorParts {
  /** The constructor's name, by which a registered class is found. */
  readonly className: string;
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
  /** Own properties, `cause` and `errors` among them. */
  readonly properties: readonly (readonly [key: string, value: unknown])[];
}

/** Own properties that are not enumerable, but part of what an error says. */
const HIDDEN = ["cause", "errors"];
const TOLD_APART = new Set(["name", "message", "stack"]);

const BUILT_IN: readonly ErrorClass[] = [
  Error,
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
  AggregateError,
];

const KNOWN: ReadonlyMap<string, ErrorClass> = new Map(
  [...BUILT_IN, ...(Object.values(batonErrors) as ErrorClass[])].map((errorClass) => [errorClass.name, errorClass]),
);

/** Reads what there is to an error. A getter that throws counts as absent. */
export function takeApart(error: object): ErrorParts {
  const read = (key: string) => attempt(() => (error as Record<string, unknown>)[key]);
  const name = textOr(read("name"), "Error");
  const className = attempt(() => (error.constructor as { name?: unknown }).name);
  const stack = read("stack");
  const keys = attempt(() => Object.keys(error).filter((key) => !TOLD_APART.has(key))) ?? [];
  for (const key of HIDDEN) {
    if (!keys.includes(key) && attempt(() => Object.hasOwn(error, key)) === true) keys.push(key);
  }
  return {
    className: textOr(className, name),
    name,
    message: textOr(read("message"), ""),
    stack: typeof stack === "string" ? stack : undefined,
    properties: keys.map((key) => [key, read(key)] as const),
  };
}

/** An error whose parts follow: registered first, so that its own properties may refer back to it. */
export function makeError(className: string, name: string, registered: ReadonlyMap<string, ErrorClass>): Error {
  const errorClass =
    registered.get(className) ?? registered.get(name) ?? KNOWN.get(className) ?? KNOWN.get(name) ?? Error;
  // A native error with the class's prototype; the class's own constructor does not run.
  return Reflect.construct(Error, [], errorClass) as Error;
}

/** Puts an error's texts in place. */
export function setTexts(error: Error, name: string, message: string, stack: string | undefined): void {
  if (attempt(() => error.name) !== name) setHidden(error, "name", name);
  setHidden(error, "message", message);
  setHidden(error, "stack", stack);
}

/** Puts one of an error's own properties in place, by definition: a setter or `__proto__` has no say. */
export function setProperty(error: Error, key: string, value: unknown): void {
  if (HIDDEN.includes(key)) setHidden(error, key, value);
  else Object.defineProperty(error, key, { value, enumerable: true, configurable: true, writable: true });
}

/** Registered classes by name. */
export function byName(classes: readonly ErrorClass[]): ReadonlyMap<string, ErrorClass> {
  return new Map(classes.map((errorClass) => [errorClass.name, errorClass]));
}

/** Whatever was thrown, as an error: what is none becomes the cause of one that shows it. */
export function toError(thrown: unknown, show: (value: unknown) => string): Error {
  if (attempt(() => types.isNativeError(thrown) || thrown instanceof Error) === true) return thrown as Error;
  const error = new Error(`Thrown: ${attempt(() => show(thrown)) ?? "a value that cannot be shown"}`, {
    cause: thrown,
  });
  error.stack = error.message;
  return error;
}

function setHidden(error: Error, key: string, value: unknown): void {
  Object.defineProperty(error, key, { value, enumerable: false, configurable: true, writable: true });
}

function textOr(value: unknown, otherwise: string): string {
  return typeof value === "string" ? value : otherwise;
}

function attempt<Result>(read: () => Result): Result | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
