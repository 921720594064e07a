import { types } from "node:util";
import { EncodeError } from "../errors.js";
import { type ErrorParts, takeApart } from "./exception.js";
import { Output, TooManyBytes } from "./output.js";
import { LIMITS, TAG, VIEW_TYPES } from "./tags.js";

/**
 * Writes one value. Failures carry the path of the part that cannot be written; each level adds its step as the error
 * passes through, so that values that can be written pay nothing for it.
 */
export class Writer {
  readonly #out: Output;
  #depth = 0;
  #holes = 0;
  #errors = 0;
  #views = 0;
  #numbers = new Map<object, number>();
  #shapes = new Map<string, number>();
  #lastKeys: readonly string[] = [];
  #lastShape = -1;

  private constructor(limit: number) {
    this.#out = new Output(limit);
  }

  /** The bytes of a value, in memory of their own. Throws {@link EncodeError}, or {@link TooManyBytes} over `limit`. */
  static write(value: unknown, limit: number): Uint8Array<ArrayBuffer> {
    const writer = new Writer(limit);
    try {
      writer.#value(value);
      return writer.#out.copy();
    } catch (error) {
      const { path, problem } = Unwritable.within(error, "");
      throw new EncodeError(`$${path}`, problem);
    } finally {
      writer.#out.release();
    }
  }

  #value(value: unknown): void {
    switch (typeof value) {
      case "string":
        return this.#out.string(value);
      case "number":
        return this.#out.number(value);
      case "boolean":
        return this.#out.byte(value ? TAG.TRUE : TAG.FALSE);
      case "undefined":
        return this.#out.byte(TAG.UNDEFINED);
      case "bigint":
        return this.#bigint(value);
      case "object":
        return value === null ? this.#out.byte(TAG.NULL) : this.#object(value);
      default:
        throw new Unwritable(`a ${typeof value} cannot be sent`);
    }
  }

  #object(value: object): void {
    const number = this.#numbers.get(value);
    if (number !== undefined) {
      this.#out.byte(TAG.REFERENCE);
      this.#out.varint(number);
      return;
    }
    if (this.#depth >= LIMITS.depth) throw new Unwritable(`it is nested deeper than ${LIMITS.depth} levels`);
    if (this.#numbers.size >= LIMITS.containers) throw new Unwritable(`there are over ${LIMITS.containers} objects`);
    this.#numbers.set(value, this.#numbers.size);
    this.#depth += 1;
    const proto: unknown = Object.getPrototypeOf(value);
    if (proto === Object.prototype) this.#properties(value, Object.keys(value));
    else if (Array.isArray(value)) this.#array(value);
    else if (proto === null) this.#nullObject(value);
    else this.#special(value);
    this.#depth -= 1;
  }

  #properties(value: object, keys: readonly string[]): void {
    const shape = this.#shapeOf(keys);
    if (shape === -1) {
      this.#out.byte(TAG.OBJECT);
      this.#keys(keys);
    } else {
      this.#out.byte(TAG.SHAPED);
      this.#out.varint(shape);
    }
    this.#values(value, keys);
  }

  #nullObject(value: object): void {
    const keys = Object.keys(value);
    this.#out.byte(TAG.NULL_OBJECT);
    this.#keys(keys);
    this.#values(value, keys);
  }

  #keys(keys: readonly string[]): void {
    this.#out.varint(keys.length);
    for (const key of keys) this.#out.string(key);
  }

  #values(value: object, keys: readonly string[]): void {
    let at = 0;
    try {
      for (; at < keys.length; at += 1) this.#value((value as Record<string, unknown>)[keys[at] as string]);
    } catch (error) {
      throw Unwritable.within(error, propertyStep(keys[at] as string));
    }
  }

  /** The number of the shape that has these keys in this order; -1 where it is new, and then it gets the next number. */
  #shapeOf(keys: readonly string[]): number {
    const last = this.#lastKeys;
    if (last.length === keys.length && this.#lastShape !== -1) {
      let at = 0;
      while (at < keys.length && last[at] === keys[at]) at += 1;
      if (at === keys.length) return this.#lastShape;
    }
    // A key with a NUL in it could make two lists look alike: the lengths keep them apart.
    const list = `${keys.join("\0")}\0${keys.map((key) => key.length).join()}`;
    const known = this.#shapes.get(list);
    const shape = known ?? this.#shapes.size;
    if (known === undefined) this.#shapes.set(list, shape);
    this.#lastKeys = keys;
    this.#lastShape = shape;
    return known ?? -1;
  }

  #array(array: readonly unknown[]): void {
    this.#out.byte(TAG.ARRAY);
    this.#out.varint(array.length);
    let at = 0;
    try {
      while (at < array.length) {
        const item = array[at];
        if (item === undefined && !Object.hasOwn(array, at)) {
          at = this.#holesFrom(array, at);
        } else {
          this.#value(item);
          at += 1;
        }
      }
    } catch (error) {
      throw Unwritable.within(error, `[${at}]`);
    }
  }

  #holesFrom(array: readonly unknown[], start: number): number {
    let end = start;
    while (end < array.length && !Object.hasOwn(array, end)) {
      end += 1;
      this.#holes += 1;
      if (this.#holes > LIMITS.holes) throw new Unwritable(`there are over ${LIMITS.holes} holes in arrays`);
    }
    this.#out.byte(TAG.HOLES);
    this.#out.varint(end - start);
    return end;
  }

  #special(value: object): void {
    if (types.isNativeError(value) || value instanceof Error) this.#error(value);
    else if (value instanceof Date) {
      this.#out.byte(TAG.DATE);
      this.#out.double(value.getTime());
    } else if (types.isMap(value)) this.#map(value);
    else if (types.isSet(value)) this.#set(value);
    else if (types.isRegExp(value)) this.#regexp(value);
    else if (Buffer.isBuffer(value)) this.#bytes(TAG.BUFFER, value);
    else if (ArrayBuffer.isView(value)) this.#view(value);
    else if (types.isArrayBuffer(value)) this.#arrayBuffer(value);
    else if (value instanceof URL) {
      this.#out.byte(TAG.URL);
      this.#out.string(value.href);
    } else if (types.isBoxedPrimitive(value)) {
      this.#out.byte(TAG.BOXED);
      this.#value(value.valueOf());
    } else if (Symbol.toStringTag in value) {
      // Promise, WeakMap, Blob, Headers, iterators: what they hold is not in their properties.
      throw new Unwritable(`a ${String(value[Symbol.toStringTag])} cannot be sent`);
    } else {
      // An instance of a class travels as its own properties, as in structuredClone.
      this.#properties(value, Object.keys(value));
    }
  }

  #map(map: ReadonlyMap<unknown, unknown>): void {
    this.#out.byte(TAG.MAP);
    this.#out.varint(map.size);
    let at = 0;
    try {
      for (const [key, value] of Array.from(map)) {
        this.#value(key);
        this.#value(value);
        at += 1;
      }
    } catch (error) {
      throw Unwritable.within(error, `<entry ${at}>`);
    }
  }

  #set(set: ReadonlySet<unknown>): void {
    this.#out.byte(TAG.SET);
    this.#out.varint(set.size);
    let at = 0;
    try {
      for (const member of Array.from(set)) {
        this.#value(member);
        at += 1;
      }
    } catch (error) {
      throw Unwritable.within(error, `<member ${at}>`);
    }
  }

  #regexp(regexp: RegExp): void {
    if (regexp.source.length > LIMITS.regexp) throw new Unwritable(`its source is over ${LIMITS.regexp} characters`);
    this.#out.byte(TAG.REGEXP);
    this.#out.string(regexp.source);
    this.#out.string(regexp.flags);
  }

  /**
   * A view that covers its whole buffer shares it with other such views, as they did. A view of a part is sent with that
   * part alone: the rest may be anything, above all Node's pool with other people's bytes.
   */
  #view(view: ArrayBufferView): void {
    this.#views += 1;
    if (this.#views > LIMITS.views) throw new Unwritable(`there are over ${LIMITS.views} views`);
    const type = VIEW_TYPES.indexOf(view[Symbol.toStringTag as never]);
    if (type === -1) throw new Unwritable(`a ${String(view[Symbol.toStringTag as never])} cannot be sent`);
    const { buffer, byteOffset, byteLength } = view;
    if (!types.isArrayBuffer(buffer)) throw new Unwritable("a SharedArrayBuffer cannot be sent");
    this.#out.byte(TAG.VIEW);
    this.#out.byte(type);
    if (byteLength === buffer.byteLength) this.#object(buffer);
    else {
      // The part's buffer takes a number, as the reader will give it one.
      this.#numbers.set({}, this.#numbers.size);
      this.#bytes(TAG.ARRAY_BUFFER, new Uint8Array(buffer, byteOffset, byteLength));
    }
  }

  #arrayBuffer(buffer: ArrayBuffer): void {
    this.#bytes(TAG.ARRAY_BUFFER, new Uint8Array(buffer));
  }

  #bytes(tag: number, bytes: Uint8Array): void {
    this.#out.byte(tag);
    this.#out.bytes(bytes);
  }

  /** An error is always sent: a property that cannot be is replaced by a word on why, and long texts are cut. */
  #error(error: object): void {
    this.#errors += 1;
    if (this.#errors > LIMITS.errors) throw new Unwritable(`there are over ${LIMITS.errors} errors`);
    const parts: ErrorParts = takeApart(error);
    this.#out.byte(TAG.ERROR);
    this.#out.string(parts.className);
    this.#out.string(parts.name);
    this.#out.string(parts.message);
    this.#value(parts.stack);
    this.#out.varint(parts.properties.length);
    for (const [key, value] of parts.properties) {
      this.#out.string(key);
      this.#orWhyNot(value);
    }
  }

  #orWhyNot(value: unknown): void {
    const position = this.#out.position;
    const depth = this.#depth;
    const objects = this.#numbers.size;
    const shapes = this.#shapes.size;
    try {
      this.#value(value);
    } catch (error) {
      const { path, problem } = Unwritable.within(error, "");
      this.#out.position = position;
      this.#depth = depth;
      this.#numbers = new Map([...this.#numbers].slice(0, objects));
      this.#shapes = new Map([...this.#shapes].slice(0, shapes));
      this.#lastShape = -1;
      this.#out.string(path === "" ? `[not sent: ${problem}]` : `[not sent: at ${path}, ${problem}]`);
    }
  }

  #bigint(value: bigint): void {
    const hex = (value < 0n ? -value : value).toString(16);
    const magnitude = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex");
    if (magnitude.length > LIMITS.bigint) throw new Unwritable(`the bigint is over ${LIMITS.bigint} bytes`);
    this.#out.byte(TAG.BIGINT);
    this.#out.byte(value < 0n ? 1 : 0);
    this.#out.bytes(magnitude);
  }
}

/** A part that cannot be written, and the steps to it, innermost first. */
class Unwritable {
  readonly problem: string;
  readonly steps: string[] = [];

  constructor(problem: string) {
    this.problem = problem;
  }

  /** The way to the part, outermost step first. */
  get path(): string {
    return this.steps.toReversed().join("");
  }

  /** Adds a step. What a getter or a proxy threw becomes the problem. */
  static within(error: unknown, step: string): Unwritable {
    if (error instanceof TooManyBytes) throw error;
    const problem = error instanceof Unwritable ? error : new Unwritable(`reading it throws (${messageOf(error)})`);
    if (step !== "") problem.steps.push(step);
    return problem;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : "not an Error";
}

function propertyStep(key: string): string {
  return /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
}
