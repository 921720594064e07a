import { types } from "node:util";
import * as ours from "../errors.js";
import { ERROR_HEAD } from "./tag.js";

/** A class of errors that may come back as itself. Its constructor is not run: it gets its properties instead. */
export type ErrorClass = abstract new (...args: never[]) => Error;

const BASES: readonly ErrorClass[] = [
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

const OURS: readonly ErrorClass[] = Object.values(ours);

/** An error taken apart: what goes over the wire, in its order. */
export class Exception {
  /** Number of the nearest built-in class. */
  base = 0;
  /** Of its constructor: what a registered class is found by. */
  className = "Error";
  /** What it says its name is: `AbortError`, and for most classes the same as `className`. */
  name = "Error";
  message: string | undefined;
  stack: string | undefined;
  /** Non-enumerable own `cause` and `errors`, in a box of one because they may be undefined. */
  cause: readonly [unknown] | undefined;
  errors: readonly [unknown] | undefined;
  /** Where its other own properties are read from, and which. */
  source: object = {};
  keys: readonly string[] = [];

  /** Whether its names are others than its built-in class has. */
  get named(): boolean {
    return this.className !== BASE_NAMES[this.base] || this.name !== this.className;
  }

  /** The byte that says what of it follows. */
  get head(): number {
    return (
      this.base |
      (this.named ? ERROR_HEAD.NAMES : 0) |
      (this.message === undefined ? 0 : ERROR_HEAD.MESSAGE) |
      (this.stack === undefined ? 0 : ERROR_HEAD.STACK) |
      (this.cause === undefined ? 0 : ERROR_HEAD.CAUSE) |
      (this.errors === undefined ? 0 : ERROR_HEAD.ERRORS)
    );
  }

  /** Takes an error apart. Throws what its getters and traps throw. */
  static of(error: Error): Exception {
    const exception = new Exception();
    exception.className = text(error.constructor?.name, "Error");
    exception.name = text(error.name, exception.className);
    exception.base = baseOf(error);
    if (hasMessage(error)) exception.message = text(error.message, undefined);
    exception.stack = text(error.stack, undefined);
    if (hidden(error, "cause")) exception.cause = [error.cause];
    if (hidden(error, "errors")) exception.errors = [(error as AggregateError).errors];
    exception.source = error;
    exception.keys = Object.keys(error).filter((key) => key !== "stack");
    return exception;
  }
}

/** Whether a value is an error of any realm: Jest and `vm` give tests and workers globals of their own. */
export function isError(value: unknown): value is Error {
  if (typeof value !== "object" || value === null) return false;
  return types.isNativeError(value) || value instanceof Error || inheritsError(value);
}

/** Makes an error of its parts, without a stack of its own and without running a constructor that is not built in. */
export function restore(exception: Exception, classes: ReadonlyMap<string, ErrorClass>): Error {
  const { className, name, message, stack } = exception;
  const Class = classes.get(className) ?? classes.get(name) ?? BASES[exception.base] ?? Error;
  const depth = Error.stackTraceLimit;
  // Walking the stack is nearly all that making an error costs, and the stack of this place would be of no use.
  Reflect.set(Error, "stackTraceLimit", 0);
  let error: Error;
  try {
    error =
      className === "DOMException"
        ? new DOMException(message, name)
        : (Reflect.construct(Error, message === undefined ? [] : [message], Class) as Error);
  } finally {
    Reflect.set(Error, "stackTraceLimit", depth);
  }
  if (stack === undefined) delete error.stack;
  else hide(error, "stack", stack);
  if (error.name !== name) hide(error, "name", name);
  return error;
}

/** Defines a property as the language defines an error's own ones: not enumerable. */
export function hide(error: Error, key: string, value: unknown): void {
  Object.defineProperty(error, key, { value, writable: true, configurable: true, enumerable: false });
}

const registries = new WeakMap<readonly ErrorClass[], ReadonlyMap<string, ErrorClass>>();

/** Classes by name: Baton's own, then the registered ones, which win. */
export function registry(classes: readonly ErrorClass[]): ReadonlyMap<string, ErrorClass> {
  let found = registries.get(classes);
  if (found === undefined) {
    found = new Map([...OURS, ...classes].map((each) => [each.name, each]));
    registries.set(classes, found);
  }
  return found;
}

function baseOf(error: Error): number {
  for (let proto = prototypeOf(error); proto !== null; proto = prototypeOf(proto)) {
    const base = BASE_OF.get(proto) ?? foreignBase(proto);
    if (base !== undefined) return base;
  }
  return 0;
}

/** Whether one of a value's prototypes is that of a built-in error of another realm. */
function inheritsError(value: object): boolean {
  for (let proto = prototypeOf(value); proto !== null; proto = prototypeOf(proto)) {
    // What inherits from this realm's Object is no foreign error.
    if (proto === Object.prototype) return false;
    if (foreignBase(proto) !== undefined) return true;
  }
  return false;
}

/** The number of a built-in class, by its prototype in another realm. */
function foreignBase(proto: object): number | undefined {
  if (!Object.hasOwn(proto, "name") || !Object.hasOwn(proto, "message")) return undefined;
  // A getter, as DOMException has it, is not run: it would ask who calls it.
  const name: unknown = Reflect.getOwnPropertyDescriptor(proto, "name")?.value;
  const base = typeof name === "string" && proto.constructor?.name === name ? BASE_NAMES.indexOf(name) : -1;
  return base === -1 ? undefined : base;
}

function prototypeOf(value: object): object | null {
  return Object.getPrototypeOf(value) as object | null;
}

/** Own as usual, or of the prototype as DOMException has it; an enumerable one is a property like any other. */
function hasMessage(error: Error): boolean {
  return Object.hasOwn(error, "message") ? !isEnumerable(error, "message") : error.message !== "";
}

function hidden(error: Error, key: string): boolean {
  return Object.hasOwn(error, key) && !isEnumerable(error, key);
}

function isEnumerable(error: Error, key: string): boolean {
  return Object.prototype.propertyIsEnumerable.call(error, key);
}

function text<T>(value: unknown, otherwise: T): string | T {
  return typeof value === "string" ? value : otherwise;
}
