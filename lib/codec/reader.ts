import { DecodeError } from "../errors.js";
import { type ErrorClass, makeError, setProperty, setTexts } from "./exception.js";
import { LIMITS, SMALL_INTEGER, TAG, VIEW_TYPES } from "./tags.js";

/**
 * Reads one value out of bytes that may come from anybody. Every length is held against the bytes that are left before
 * anything is allocated, every limit of the writer holds here too, and whatever is wrong ends in a {@link DecodeError}.
 */
export class Reader {
  readonly #bytes: Buffer;
  readonly #classes: ReadonlyMap<string, ErrorClass>;
  #position = 0;
  #depth = 0;
  #holes = 0;
  #errors = 0;
  #views = 0;
  readonly #objects: object[] = [];
  readonly #shapes: (readonly string[])[] = [];

  private constructor(bytes: Uint8Array, classes: ReadonlyMap<string, ErrorClass>) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#classes = classes;
  }

  /** The value in the bytes, all of them. `classes` are the error classes that may come back as themselves, by name. */
  static read(bytes: Uint8Array, classes: ReadonlyMap<string, ErrorClass>): unknown {
    const reader = new Reader(bytes, classes);
    const { stackTraceLimit } = Error;
    // To build a stack for each error is what costs; theirs come with them.
    Error.stackTraceLimit = 0;
    try {
      const value = reader.#value();
      if (reader.#position !== bytes.length) throw new DecodeError("there are bytes after the value");
      return value;
    } finally {
      Error.stackTraceLimit = stackTraceLimit;
    }
  }

  #value(): unknown {
    const tag = this.#byte();
    if (tag >= SMALL_INTEGER) return tag - SMALL_INTEGER;
    switch (tag) {
      case TAG.UNDEFINED:
        return undefined;
      case TAG.NULL:
        return null;
      case TAG.FALSE:
        return false;
      case TAG.TRUE:
        return true;
      case TAG.INTEGER: {
        const zigzag = this.#varint();
        return (zigzag >>> 1) ^ -(zigzag & 1);
      }
      case TAG.DOUBLE:
        return this.#double();
      case TAG.BIGINT:
        return this.#bigint();
      case TAG.ASCII:
      case TAG.UTF8:
      case TAG.UTF16:
        return this.#text(tag);
      case TAG.REFERENCE:
        return this.#reference();
      default:
        return this.#nested(tag);
    }
  }

  #nested(tag: number): unknown {
    if (this.#depth >= LIMITS.depth) throw new DecodeError(`it is nested deeper than ${LIMITS.depth} levels`);
    if (this.#objects.length >= LIMITS.containers) throw new DecodeError(`there are over ${LIMITS.containers} objects`);
    this.#depth += 1;
    const object = this.#object(tag);
    this.#depth -= 1;
    return object;
  }

  #object(tag: number): object {
    switch (tag) {
      case TAG.OBJECT:
        return this.#properties(this.#add({}), this.#newShape());
      case TAG.SHAPED:
        return this.#properties(this.#add({}), this.#knownShape());
      case TAG.NULL_OBJECT:
        return this.#properties(this.#add(Object.create(null) as object), this.#keys());
      case TAG.ARRAY:
        return this.#array();
      case TAG.MAP:
        return this.#map();
      case TAG.SET:
        return this.#set();
      case TAG.DATE:
        return this.#add(new Date(this.#double()));
      case TAG.REGEXP:
        return this.#regexp();
      case TAG.BOXED:
        return this.#boxed();
      case TAG.URL:
        return this.#url();
      case TAG.ARRAY_BUFFER:
        return this.#add(this.#arrayBuffer());
      case TAG.BUFFER:
        return this.#add(Buffer.from(this.#arrayBuffer()));
      case TAG.VIEW:
        return this.#view();
      case TAG.ERROR:
        return this.#error();
      default:
        throw new DecodeError(`the tag 0x${tag.toString(16)} at byte ${this.#position - 1} is not known`);
    }
  }

  #properties(object: object, keys: readonly string[]): object {
    for (const key of keys) {
      const value = this.#value();
      if (key === "__proto__") {
        Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
      } else {
        (object as Record<string, unknown>)[key] = value;
      }
    }
    return object;
  }

  #newShape(): readonly string[] {
    const keys = this.#keys();
    this.#shapes.push(keys);
    return keys;
  }

  #knownShape(): readonly string[] {
    const keys = this.#shapes[this.#varint()];
    if (keys === undefined) throw new DecodeError("it names a shape that does not exist");
    // Each value takes a byte at least: a shape must not let a few bytes ask for many properties.
    if (keys.length > this.#left()) throw new DecodeError("it ends too early");
    return keys;
  }

  #keys(): readonly string[] {
    const count = this.#count();
    const keys: string[] = [];
    for (let at = 0; at < count; at += 1) keys.push(this.#string());
    return keys;
  }

  #array(): unknown[] {
    const length = this.#varint();
    const array: unknown[] = this.#add([]);
    while (array.length < length) {
      if (this.#bytes[this.#position] === TAG.HOLES) {
        this.#position += 1;
        this.#skipHoles(array, length);
      } else {
        array.push(this.#value());
      }
    }
    return array;
  }

  #skipHoles(array: unknown[], length: number): void {
    const holes = this.#varint();
    this.#holes += holes;
    if (holes === 0 || holes > length - array.length || this.#holes > LIMITS.holes) {
      throw new DecodeError("an array has more holes than it may");
    }
    array.length += holes;
  }

  #map(): Map<unknown, unknown> {
    const count = this.#count();
    const map = this.#add(new Map<unknown, unknown>());
    for (let at = 0; at < count; at += 1) {
      const key = this.#value();
      map.set(key, this.#value());
    }
    return map;
  }

  #set(): Set<unknown> {
    const count = this.#count();
    const set = this.#add(new Set<unknown>());
    for (let at = 0; at < count; at += 1) set.add(this.#value());
    return set;
  }

  #regexp(): RegExp {
    const source = this.#string();
    const flags = this.#string();
    if (source.length > LIMITS.regexp) throw new DecodeError(`a RegExp is over ${LIMITS.regexp} characters`);
    try {
      return this.#add(new RegExp(source, flags));
    } catch {
      throw new DecodeError("a RegExp is malformed");
    }
  }

  #url(): URL {
    try {
      return this.#add(new URL(this.#string()));
    } catch (error) {
      throw error instanceof DecodeError ? error : new DecodeError("a URL is malformed");
    }
  }

  #boxed(): object {
    const index = this.#objects.push(BOXED_TO_COME) - 1;
    const value = this.#value();
    if (value === null || value === undefined || typeof value === "object") {
      throw new DecodeError("a boxed primitive holds none");
    }
    const object = Object(value) as object;
    this.#objects[index] = object;
    return object;
  }

  #view(): ArrayBufferView {
    this.#views += 1;
    if (this.#views > LIMITS.views) throw new DecodeError(`there are over ${LIMITS.views} views`);
    const name = VIEW_TYPES[this.#byte()];
    const View =
      name === undefined ? undefined : (globalThis as unknown as Record<string, ViewClass | undefined>)[name];
    if (View === undefined) throw new DecodeError(`views of type ${name ?? "?"} do not exist here`);
    const index = this.#objects.push(BOXED_TO_COME) - 1;
    const buffer = this.#value();
    if (!(buffer instanceof ArrayBuffer)) throw new DecodeError("a view is not of an ArrayBuffer");
    try {
      const view = new View(buffer);
      this.#objects[index] = view;
      return view;
    } catch {
      throw new DecodeError("a view does not fit its buffer");
    }
  }

  #error(): Error {
    this.#errors += 1;
    if (this.#errors > LIMITS.errors) throw new DecodeError(`there are over ${LIMITS.errors} errors`);
    const className = this.#string();
    const name = this.#string();
    const error = this.#add(makeError(className, name, this.#classes));
    const message = this.#string();
    const stack = this.#value();
    if (stack !== undefined && typeof stack !== "string") throw new DecodeError("an error's stack is no text");
    setTexts(error, name, message, stack);
    const count = this.#count();
    for (let at = 0; at < count; at += 1) {
      const key = this.#string();
      setProperty(error, key, this.#value());
    }
    return error;
  }

  #reference(): object {
    const object = this.#objects[this.#varint()];
    if (object === undefined || object === BOXED_TO_COME)
      throw new DecodeError("it refers to an object that does not exist");
    return object;
  }

  #bigint(): bigint {
    const negative = this.#byte() === 1;
    const size = this.#count();
    if (size > LIMITS.bigint || size === 0) throw new DecodeError(`a bigint is not of 1 to ${LIMITS.bigint} bytes`);
    const magnitude = BigInt(`0x${this.#bytes.toString("hex", this.#position, this.#position + size)}`);
    this.#position += size;
    return negative ? -magnitude : magnitude;
  }

  #string(): string {
    const tag = this.#byte();
    if (tag !== TAG.ASCII && tag !== TAG.UTF8 && tag !== TAG.UTF16) throw new DecodeError("a text was expected");
    return this.#text(tag);
  }

  #text(tag: number): string {
    const size = this.#count();
    const start = this.#position;
    this.#position += size;
    if (tag === TAG.ASCII) return this.#bytes.toString("latin1", start, this.#position);
    if (tag === TAG.UTF8) return this.#bytes.toString("utf8", start, this.#position);
    return this.#bytes.toString("utf16le", start, this.#position);
  }

  /** In memory of its own: neither the message it came in nor Node's pool shows through. */
  #arrayBuffer(): ArrayBuffer {
    const size = this.#count();
    const start = this.#position;
    this.#position += size;
    const copy = new Uint8Array(size);
    copy.set(this.#bytes.subarray(start, this.#position));
    return copy.buffer;
  }

  #add<T extends object>(object: T): T {
    this.#objects.push(object);
    return object;
  }

  #byte(): number {
    const byte = this.#bytes[this.#position];
    if (byte === undefined) throw new DecodeError("it ends too early");
    this.#position += 1;
    return byte;
  }

  #double(): number {
    if (this.#left() < 8) throw new DecodeError("it ends too early");
    const value = this.#bytes.readDoubleLE(this.#position);
    this.#position += 8;
    return value;
  }

  /** A count of things that take a byte each at least. */
  #count(): number {
    const count = this.#varint();
    if (count > this.#left()) throw new DecodeError("it ends too early");
    return count;
  }

  #varint(): number {
    let value = this.#byte();
    if (value < 0x80) return value;
    value &= 0x7f;
    for (let shift = 7; shift < 35; shift += 7) {
      const byte = this.#byte();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
    throw new DecodeError("a number is too long");
  }

  #left(): number {
    return this.#bytes.length - this.#position;
  }
}

type ViewClass = new (buffer: ArrayBuffer) => ArrayBufferView;

/** Holds the number of an object that is made only after what it holds. */
const BOXED_TO_COME = {};
