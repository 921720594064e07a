import { types } from "node:util";
import { BASE_NAMES, Exception, isError } from "./exception.js";
import { MAX_BIGINT, MAX_DEPTH, MAX_REGEXP, MAX_SHAPE, WEIGHT, weightLimit } from "./limits.js";
import { Output } from "./output.js";
import { property, Refusal } from "./refusal.js";
import { Shape } from "./shape.js";
import { ERROR_HEAD, TAG } from "./tag.js";
import { isSlice, viewKind } from "./views.js";

const SHARED = "a SharedArrayBuffer cannot leave its process";
const MAGNITUDE_BITS = MAX_BIGINT * 8;

/** Writes one value at a time. Not for use from within a getter of the value that it writes. */
export class Writer {
  readonly #output = new Output();
  readonly #numbers = new Map<object, number>();
  #count = 0;
  #shapes = new Shape();
  #shapeCount = 0;
  #weight = 0;

  /** The bytes of a value, good until `stop`. Throws a Refusal, or an Overflow beyond `limit` bytes. */
  write(value: unknown, limit: number): Buffer {
    this.#output.start(limit);
    this.#weight = weightLimit(limit);
    try {
      this.#value(value, 0);
    } catch (error) {
      throw Refusal.below("", error);
    }
    return this.#output.finish();
  }

  /** Forgets the value. */
  stop(): void {
    this.#output.stop();
    this.#numbers.clear();
    this.#count = 0;
    this.#shapes = new Shape();
    this.#shapeCount = 0;
  }

  #value(value: unknown, depth: number): void {
    switch (typeof value) {
      case "string":
        return this.#output.text(value);
      case "number":
        return this.#output.number(value);
      case "object":
        return value === null ? this.#output.byte(TAG.NULL) : this.#object(value, depth);
      case "boolean":
        return this.#output.byte(value ? TAG.TRUE : TAG.FALSE);
      case "undefined":
        return this.#output.byte(TAG.UNDEFINED);
      case "bigint":
        return this.#bigint(value);
      case "function":
        throw new Refusal("a function cannot leave its thread");
      case "symbol":
        throw new Refusal("a symbol cannot leave its thread");
    }
  }

  #bigint(value: bigint): void {
    if (BigInt.asIntN(64, value) === value) {
      this.#output.byte(TAG.BIGINT64);
      return this.#output.bigint64(value);
    }
    const magnitude = value < 0n ? -value : value;
    if (BigInt.asUintN(MAGNITUDE_BITS, magnitude) !== magnitude) {
      throw new Refusal(`a bigint of more than ${MAX_BIGINT} bytes`);
    }
    const hex = magnitude.toString(16);
    this.#output.byte(value < 0n ? TAG.NEGATIVE_BIGINT : TAG.BIGINT);
    this.#output.raw(Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex"));
  }

  #object(value: object, depth: number): void {
    const number = this.#numbers.get(value);
    if (number !== undefined) {
      this.#output.byte(TAG.REF);
      return this.#output.varint(number);
    }
    if (depth === MAX_DEPTH) throw new Refusal(`more than ${MAX_DEPTH} levels deep`);
    this.#numbers.set(value, this.#count++);
    if (Array.isArray(value)) return this.#array(value, depth + 1);
    const proto: unknown = Object.getPrototypeOf(value);
    if (proto === Object.prototype) return this.#plain(TAG.OBJECT, value, depth + 1);
    if (proto === null) return this.#plain(TAG.BARE_OBJECT, value, depth + 1);
    return this.#special(value, depth + 1);
  }

  #plain(tag: number, value: object, depth: number): void {
    this.#charge(WEIGHT.object);
    const keys = Object.keys(value);
    this.#output.byte(tag);
    this.#properties(value, keys, depth);
  }

  #properties(value: object, keys: readonly string[], depth: number): void {
    this.#shape(keys);
    let index = 0;
    try {
      for (; index < keys.length; index++)
        this.#value((value as Record<string, unknown>)[keys[index] as string], depth);
    } catch (error) {
      throw Refusal.below(property(keys[index] as string), error);
    }
  }

  #shape(keys: readonly string[]): void {
    const shape = keys.length > MAX_SHAPE ? undefined : Shape.find(this.#shapes, keys);
    if (shape !== undefined) {
      if (shape.number !== 0) return this.#output.varint(shape.number);
      shape.number = ++this.#shapeCount;
    }
    this.#output.varint(0);
    this.#output.varint(keys.length);
    for (const key of keys) this.#output.text(key);
  }

  #array(value: readonly unknown[], depth: number): void {
    const length = value.length;
    this.#charge(WEIGHT.array);
    this.#output.byte(TAG.ARRAY);
    this.#output.varint(length);
    let index = 0;
    try {
      while (index < length) {
        const item = value[index];
        if (item === undefined && !Object.hasOwn(value, index)) index = this.#holes(value, index, length);
        else {
          this.#value(item, depth);
          index++;
        }
      }
    } catch (error) {
      throw Refusal.below(`[${index}]`, error);
    }
  }

  #holes(value: readonly unknown[], from: number, length: number): number {
    let end = from;
    while (end < length && !Object.hasOwn(value, end)) {
      this.#charge(WEIGHT.hole);
      end++;
    }
    this.#output.byte(TAG.HOLES);
    this.#output.varint(end - from);
    return end;
  }

  #special(value: object, depth: number): void {
    if (types.isDate(value)) {
      this.#output.byte(TAG.DATE);
      this.#output.float(Date.prototype.getTime.call(value));
    } else if (types.isMap(value)) this.#map(value, depth);
    else if (types.isSet(value)) this.#set(value, depth);
    else if (ArrayBuffer.isView(value)) this.#view(value);
    else if (types.isAnyArrayBuffer(value)) this.#buffer(value);
    else if (types.isRegExp(value)) this.#regexp(value);
    else if (types.isBoxedPrimitive(value)) {
      this.#output.byte(TAG.BOXED);
      this.#value(unboxed(value), depth);
    } else if (types.isProxy(value)) throw new Refusal("a Proxy cannot leave its thread: copy what it stands for");
    else if (value instanceof Exception) this.#exception(value, depth);
    else if (isError(value)) this.#exception(Exception.of(value), depth);
    else if (value instanceof URL) {
      this.#charge(WEIGHT.url);
      this.#output.byte(TAG.URL);
      this.#output.text(value.href);
    } else this.#instance(value, depth);
  }

  /** An instance of a class: as with structuredClone, its own properties travel and its class does not. */
  #instance(value: object, depth: number): void {
    if (typeof (value as { then?: unknown }).then === "function") {
      throw new Refusal("a promise cannot leave its thread: await it first");
    }
    const keys = Object.keys(value);
    // What names itself and shows nothing keeps its state where nobody can read it: it would arrive as an empty object.
    const kind = Object.prototype.toString.call(value).slice(8, -1);
    if (keys.length === 0 && kind !== "Object") throw new Refusal(`a ${kind} cannot leave its thread`);
    this.#charge(WEIGHT.object);
    this.#output.byte(TAG.OBJECT);
    this.#properties(value, keys, depth);
  }

  #map(value: Map<unknown, unknown>, depth: number): void {
    const size = value.size;
    this.#charge(WEIGHT.map);
    this.#output.byte(TAG.MAP);
    this.#output.varint(size);
    let index = 0;
    let half = "key";
    try {
      for (const [key, item] of Map.prototype.entries.call(value) as Iterable<[unknown, unknown]>) {
        half = "key";
        this.#value(key, depth);
        half = "value";
        this.#value(item, depth);
        index++;
      }
    } catch (error) {
      throw Refusal.below(`<${half} ${index}>`, error);
    }
    if (index !== size) throw new Refusal("it changed while it was read");
  }

  #set(value: Set<unknown>, depth: number): void {
    const size = value.size;
    this.#charge(WEIGHT.set);
    this.#output.byte(TAG.SET);
    this.#output.varint(size);
    let index = 0;
    try {
      for (const item of Set.prototype.values.call(value)) {
        this.#value(item, depth);
        index++;
      }
    } catch (error) {
      throw Refusal.below(`<item ${index}>`, error);
    }
    if (index !== size) throw new Refusal("it changed while it was read");
  }

  #buffer(value: ArrayBufferLike): void {
    if (types.isSharedArrayBuffer(value)) throw new Refusal(SHARED);
    let bytes: Uint8Array;
    try {
      bytes = new Uint8Array(value);
    } catch {
      throw new Refusal("its ArrayBuffer is detached, it was transferred elsewhere");
    }
    this.#charge(WEIGHT.buffer);
    this.#output.byte(TAG.BUFFER);
    this.#output.raw(bytes);
  }

  #view(value: ArrayBufferView): void {
    const kind = viewKind(value);
    if (kind === undefined) throw new Refusal("an unknown kind of typed array");
    const whole = value.buffer;
    if (types.isSharedArrayBuffer(whole)) throw new Refusal(SHARED);
    const known = this.#numbers.get(whole);
    // A slice travels alone, unless the memory around it is in the value anyway.
    const alone = known === undefined && isSlice(value);
    this.#charge(WEIGHT.view);
    this.#output.byte(TAG.VIEW);
    this.#output.byte(kind);
    this.#output.varint(alone ? 0 : value.byteOffset);
    this.#output.varint("length" in value ? (value as Uint8Array).length : value.byteLength);
    if (known !== undefined) {
      this.#output.byte(TAG.REF);
      this.#output.varint(known);
    } else if (alone) {
      this.#count++;
      this.#charge(WEIGHT.buffer);
      this.#output.byte(TAG.BUFFER);
      this.#output.raw(new Uint8Array(whole, value.byteOffset, value.byteLength));
    } else {
      this.#numbers.set(whole, this.#count++);
      this.#buffer(whole);
    }
  }

  #regexp(value: RegExp): void {
    if (value.source.length > MAX_REGEXP) {
      throw new Refusal(`a regular expression of more than ${MAX_REGEXP} characters`);
    }
    this.#charge(WEIGHT.regexp);
    this.#output.byte(TAG.REGEXP);
    this.#output.text(value.source);
    this.#output.text(value.flags);
  }

  #exception(value: Exception, depth: number): void {
    const { base, className, name, message, stack, cause, errors } = value;
    const named = className !== BASE_NAMES[base] || name !== className;
    this.#charge(WEIGHT.error);
    this.#output.byte(TAG.ERROR);
    this.#output.byte(
      base |
        (named ? ERROR_HEAD.NAMES : 0) |
        (message === undefined ? 0 : ERROR_HEAD.MESSAGE) |
        (stack === undefined ? 0 : ERROR_HEAD.STACK) |
        (cause === undefined ? 0 : ERROR_HEAD.CAUSE) |
        (errors === undefined ? 0 : ERROR_HEAD.ERRORS),
    );
    if (named) {
      this.#output.text(className);
      this.#output.text(name);
    }
    if (message !== undefined) this.#output.text(message);
    if (stack !== undefined) this.#output.text(stack);
    if (cause !== undefined) this.#below(".cause", cause[0], depth);
    if (errors !== undefined) this.#below(".errors", errors[0], depth);
    this.#properties(value.source, value.keys, depth);
  }

  #below(segment: string, value: unknown, depth: number): void {
    try {
      this.#value(value, depth);
    } catch (error) {
      throw Refusal.below(segment, error);
    }
  }

  #charge(weight: number): void {
    this.#weight -= weight;
    if (this.#weight < 0) throw new Refusal("there are too many objects, buffers or holes before it");
  }
}

function unboxed(box: object): unknown {
  if (types.isNumberObject(box)) return Number.prototype.valueOf.call(box);
  if (types.isStringObject(box)) return String.prototype.valueOf.call(box);
  if (types.isBooleanObject(box)) return Boolean.prototype.valueOf.call(box);
  if (types.isBigIntObject(box)) return BigInt.prototype.valueOf.call(box);
  return Symbol.prototype.valueOf.call(box);
}
