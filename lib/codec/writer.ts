import { types } from "node:util";
import { Budget } from "./budget.js";
import { BufferWriter } from "./buffer-writer.js";
import { isError } from "./error-classes.js";
import { ErrorParts } from "./error-parts.js";
import { FLOODED, FloodGuard } from "./flood-guard.js";
import { MAX_BIGINT, MAX_DEPTH, MAX_REGEXP, MAX_SHAPE, WEIGHT } from "./limits.js";
import { Numbering } from "./numbering.js";
import { Output } from "./output.js";
import { isObjectPrototype, isUrl, unboxed } from "./realm.js";
import { property, Refusal } from "./refusal.js";
import { Shape } from "./shape.js";
import { TAG } from "./tag.js";

const MAGNITUDE_BITS = MAX_BIGINT * 8;

/** Writes one value at a time. Not reentrant: a getter of the value must not use its writer. */
export class Writer {
  readonly #output = new Output();
  readonly #numbering = new Numbering();
  readonly #budget = new Budget();
  readonly #buffers = new BufferWriter(this.#output, this.#numbering, this.#budget);
  /** The root of the shapes that were written; see {@link Shape}. */
  #shapes = new Shape();
  #shapeCount = 0;

  /** The bytes of a value, valid until `stop`. Throws a Refusal, or an Overflow beyond `limit`. */
  write(value: unknown, limit: number): Buffer {
    this.#root(value, limit);
    if (this.#buffers.needsSecondPass) {
      this.#buffers.startSecondPass();
      this.#forget();
      this.#root(value, limit);
    }
    return this.#output.finish();
  }

  /** Forgets the value. */
  stop(): void {
    this.#output.stop();
    this.#buffers.stop();
    this.#forget();
  }

  #forget(): void {
    this.#numbering.clear();
    this.#shapes = new Shape();
    this.#shapeCount = 0;
  }

  #root(value: unknown, limit: number): void {
    this.#output.start(limit);
    this.#budget.start(limit);
    try {
      this.#value(value, 0);
    } catch (error) {
      throw Refusal.below("", error);
    }
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
      case "symbol":
        throw new Refusal(`a ${typeof value} cannot leave its thread`);
    }
  }

  #bigint(value: bigint): void {
    if (BigInt.asIntN(64, value) === value) {
      this.#output.byte(TAG.BIGINT64);
      return this.#output.bigint64(value);
    }
    const magnitude = value < 0n ? -value : value;
    if (BigInt.asUintN(MAGNITUDE_BITS, magnitude) !== magnitude) {
      throw new Refusal(`it is a bigint of more than ${MAX_BIGINT} bytes`);
    }
    this.#output.byte(value < 0n ? TAG.NEGATIVE_BIGINT : TAG.BIGINT);
    this.#output.magnitude(magnitude);
  }

  #object(value: object, depth: number): void {
    const number = this.#numbering.of(value);
    if (number !== undefined) return this.#output.ref(number);
    if (depth === MAX_DEPTH) throw new Refusal(`it is nested more than ${MAX_DEPTH} levels deep`);
    this.#numbering.add(value);
    if (Array.isArray(value)) return this.#array(value, depth + 1);
    const proto: unknown = Object.getPrototypeOf(value);
    if (proto === Object.prototype) return this.#plain(TAG.OBJECT, value, depth + 1);
    if (proto === null) return this.#plain(TAG.BARE_OBJECT, value, depth + 1);
    if (isObjectPrototype(proto as object)) return this.#plain(TAG.OBJECT, value, depth + 1);
    return this.#special(value, depth + 1);
  }

  #plain(tag: number, value: object, depth: number): void {
    this.#budget.charge(WEIGHT.object);
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
    this.#budget.charge(WEIGHT.array);
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

  /** Writes the holes from an index on. Returns the index after them. */
  #holes(value: readonly unknown[], from: number, length: number): number {
    let end = from;
    while (end < length && !Object.hasOwn(value, end)) {
      this.#budget.charge(WEIGHT.hole);
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
    else if (ArrayBuffer.isView(value)) this.#buffers.view(value);
    else if (types.isAnyArrayBuffer(value)) this.#buffers.buffer(value);
    else if (types.isRegExp(value)) this.#regexp(value);
    else if (types.isBoxedPrimitive(value)) {
      this.#output.byte(TAG.BOXED);
      this.#value(unboxed(value), depth);
    } else if (types.isProxy(value)) throw new Refusal("a Proxy cannot leave its thread: copy its target");
    else if (value instanceof ErrorParts) this.#error(value, depth);
    else if (isError(value)) this.#error(ErrorParts.of(value), depth);
    else if (isUrl(value)) {
      this.#budget.charge(WEIGHT.url);
      this.#output.byte(TAG.URL);
      this.#output.text(value.href);
    } else this.#instance(value, depth);
  }

  /** An instance of a class. As with structuredClone, only its own properties are sent. */
  #instance(value: object, depth: number): void {
    if (typeof (value as { then?: unknown }).then === "function") {
      throw new Refusal("a promise cannot leave its thread: await it first");
    }
    const keys = Object.keys(value);
    // A class with a tag and no properties keeps its state hidden. It would arrive empty.
    const kind = Object.prototype.toString.call(value).slice(8, -1);
    if (keys.length === 0 && kind !== "Object") throw new Refusal(`a ${kind} cannot leave its thread`);
    this.#budget.charge(WEIGHT.object);
    this.#output.byte(TAG.OBJECT);
    this.#properties(value, keys, depth);
  }

  #map(value: Map<unknown, unknown>, depth: number): void {
    const size = value.size;
    this.#budget.charge(WEIGHT.map);
    this.#output.byte(TAG.MAP);
    this.#output.varint(size);
    const guard = FloodGuard.for(size);
    let [index, half] = [0, "key"];
    try {
      for (const [key, item] of Map.prototype.entries.call(value) as Iterable<[unknown, unknown]>) {
        half = "key";
        if (guard?.floods(key)) throw new Refusal(FLOODED);
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
    this.#budget.charge(WEIGHT.set);
    this.#output.byte(TAG.SET);
    this.#output.varint(size);
    let index = 0;
    try {
      const guard = FloodGuard.for(size);
      for (const item of Set.prototype.values.call(value)) {
        if (guard?.floods(item)) throw new Refusal(FLOODED);
        this.#value(item, depth);
        index++;
      }
    } catch (error) {
      throw Refusal.below(`<item ${index}>`, error);
    }
    if (index !== size) throw new Refusal("it changed while it was read");
  }

  #regexp(value: RegExp): void {
    if (value.source.length > MAX_REGEXP) {
      throw new Refusal(`it is a regular expression of more than ${MAX_REGEXP} characters`);
    }
    this.#budget.charge(WEIGHT.regexp);
    this.#output.byte(TAG.REGEXP);
    this.#output.text(value.source);
    this.#output.text(value.flags);
  }

  #error(value: ErrorParts, depth: number): void {
    const { named, message, stack, cause, errors } = value;
    this.#budget.charge(WEIGHT.error);
    this.#output.byte(TAG.ERROR);
    this.#output.byte(value.head);
    if (named) {
      this.#output.text(value.className);
      this.#output.text(value.name);
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
}
