/**
 * Tells what a value is when its class may belong to another realm: vm contexts and test runners
 * such as Jest have their own built-in classes, so `instanceof` is not enough.
 */
import { types } from "node:util";

/** Whether this is the `Object.prototype` of any realm. */
export function isObjectPrototype(proto: object): boolean {
  return (
    Object.getPrototypeOf(proto) === null && Object.hasOwn(proto, "isPrototypeOf") && Object.hasOwn(proto, "valueOf")
  );
}

/** Whether a value is a URL of Node.js or of jsdom. */
export function isUrl(value: object): value is URL {
  if (value instanceof URL) return true;
  return Object.prototype.toString.call(value) === "[object URL]" && typeof (value as URL).href === "string";
}

/** The primitive inside a `Number`, `String`, `Boolean`, `BigInt` or `Symbol` object. */
export function unboxed(box: object): unknown {
  if (types.isNumberObject(box)) return Number.prototype.valueOf.call(box);
  if (types.isStringObject(box)) return String.prototype.valueOf.call(box);
  if (types.isBooleanObject(box)) return Boolean.prototype.valueOf.call(box);
  if (types.isBigIntObject(box)) return BigInt.prototype.valueOf.call(box);
  return Symbol.prototype.valueOf.call(box);
}
