import { BASE_NAMES, baseOf, BASES, type ErrorClass } from "./error-classes.js";
import { ERROR_HEAD } from "./tag.js";

/** An error taken apart, its parts in their order on the wire. */
export class ErrorParts {
  /** Number of the nearest built-in class. */
  base = 0;
  /** Name of the constructor, by which a registered class is found. */
  className = "Error";
  /** The `name` property: `AbortError`, for example. Mostly the same as `className`. */
  name = "Error";
  message: string | undefined;
  stack: string | undefined;
  /** Non-enumerable own `cause` and `errors`, each in a tuple since the value may be undefined. */
  cause: readonly [unknown] | undefined;
  errors: readonly [unknown] | undefined;
  /** The object that has the error's other own properties, and their keys. */
  source: object = {};
  keys: readonly string[] = [];

  /** Whether its names differ from that of its built-in class. */
  get named(): boolean {
    return this.className !== BASE_NAMES[this.base] || this.name !== this.className;
  }

  /** The byte that tells which parts follow; see {@link ERROR_HEAD}. */
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

  /** Takes an error apart. Throws what the error's getters and traps throw. */
  static of(error: Error): ErrorParts {
    const parts = new ErrorParts();
    parts.className = text(error.constructor?.name, "Error");
    parts.name = text(error.name, parts.className);
    parts.base = baseOf(error);
    if (hasMessage(error)) parts.message = text(error.message, undefined);
    parts.stack = text(error.stack, undefined);
    if (hidden(error, "cause")) parts.cause = [error.cause];
    if (hidden(error, "errors")) parts.errors = [(error as AggregateError).errors];
    parts.source = error;
    parts.keys = Object.keys(error).filter((key) => key !== "stack");
    return parts;
  }
}

/** Makes an error of its parts, without a stack of its own. Only built-in constructors run. */
export function restore(parts: ErrorParts, classes: ReadonlyMap<string, ErrorClass>): Error {
  const { className, name, message, stack } = parts;
  const Class = classes.get(className) ?? classes.get(name) ?? BASES[parts.base] ?? Error;
  const depth = Error.stackTraceLimit;
  // Walking the stack is nearly all the time that making an error takes. This one is not used.
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

/** Defines a non-enumerable property, as the language does for an error's own ones. */
export function hide(error: Error, key: string, value: unknown): void {
  Object.defineProperty(error, key, { value, writable: true, configurable: true, enumerable: false });
}

/**
 * Whether an error has a message of its own, or one from its prototype, as DOMException does. An
 * enumerable message counts as any other property.
 */
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
