import { types } from "node:util";
import { CROWDED, Crowding } from "./crowding.js";
import { Exception, isError } from "./exception.js";
import { isObjectPrototype, isUrl, unboxed } from "./kind.js";
import { MAX_BIGINT, MAX_DEPTH, MAX_REGEXP, MAX_SHAPE, WEIGHT, weightLimit } from "./limits.js";
import { Output } from "./output.js";
import { property, Refusal } from "./refusal.js";
import { Shape } from "./shape.js";
import { type Span, Spans } from "./spans.js";
import { TAG } from "./tag.js";
import { viewKind } from "./views.js";

const SHARED = "a SharedArrayBuffer cannot leave its process";
const MAGNITUDE_BITS = MAX_BIGINT * 8;
const NOTHING = new Uint8Array(0);

/** Writes one value at a time. Not for use from within a getter of the value that it writes. */
export class Writer {
  readonly #output = new Output();
  readonly #numbers = new Map<object, number>();
  #count = 0;
  #shapes = new Shape();
  #shapeCount = 0;
  #weight = 0;
  /** Undefined until the value shows a part of a buffer, which few values do. */
  #spans: Spans | undefined;

  /** The bytes of a value, good until `stop`. Throws a Refusal, or an Overflow beyond `limit` bytes. */
  write(value: unknown, limit: number): Buffer {
    this.#root(value, limit);
    if (this.#spans?.again) {
      this.#spans.settle();
      this.#forget();
      this.#root(value, limit);
    }
    return this.#output.finish();
  }

  /** Forgets the value. */
  stop(): void {
    this.#output.stop();
    this.#spans = undefined;
    this.#forget();
  }

  #forget(): void {
    this.#numbers.clear();
    this.#count = 0;
    this.#shapes = new Shape();
    this.#shapeCount = 0;
  }

  #root(value: unknown, limit: number): void {
    this.#output.start(limit);
    this.#weight = weightLimit(limit);
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
      throw new Refusal(`a bigint of more than ${MAX_BIGINT} bytes`);
    }
    this.#output.byte(value < 0n ? TAG.NEGATIVE_BIGINT : TAG.BIGINT);
    this.#output.magnitude(magnitude);
  }

  #object(value: object, depth: number): void {
    const number = this.#numbers.get(value);
    if (number !== undefined) return this.#ref(number);
    if (depth === MAX_DEPTH) throw new Refusal(`more than ${MAX_DEPTH} levels deep`);
    this.#numbers.set(value, this.#count++);
    if (Array.isArray(value)) return this.#array(value, depth + 1);
    const proto: unknown = Object.getPrototypeOf(value);
    if (proto === Object.prototype) return this.#plain(TAG.OBJECT, value, depth + 1);
    if (proto === null) return this.#plain(TAG.BARE_OBJECT, value, depth + 1);
    if (isObjectPrototype(proto as object)) return this.#plain(TAG.OBJECT, value, depth + 1);
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
    else if (isUrl(value)) {
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
    const crowding = Crowding.of(size);
    let [index, half] = [0, "key"];
    try {
      for (const [key, item] of Map.prototype.entries.call(value) as Iterable<[unknown, unknown]>) {
        half = "key";
        if (crowding?.crowds(key)) throw new Refusal(CROWDED);
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
      const crowding = Crowding.of(size);
      for (const item of Set.prototype.values.call(value)) {
        if (crowding?.crowds(item)) throw new Refusal(CROWDED);
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
    const known = this.#spans?.has(value) && !this.#spans.add(value, 0, bytes.length);
    this.#bytes(known ? NOTHING : bytes);
  }

  #bytes(bytes: Uint8Array): void {
    this.#charge(WEIGHT.buffer);
    this.#output.byte(TAG.BUFFER);
    this.#output.raw(bytes);
  }

  #view(value: ArrayBufferView): void {
    const kind = viewKind(value);
    if (kind === undefined) throw new Refusal("an unknown kind of typed array");
    const whole = value.buffer;
    if (types.isSharedArrayBuffer(whole)) throw new Refusal(SHARED);
    const { byteOffset: start, byteLength } = value;
    const known = this.#numbers.get(whole);
    const span = known === undefined ? this.#spans?.find(whole, start, start + byteLength) : undefined;
    const alone = known === undefined && span === undefined && byteLength < whole.byteLength;
    this.#charge(WEIGHT.view);
    this.#output.byte(TAG.VIEW);
    this.#output.byte(kind);
    this.#output.varint(alone ? 0 : start - (span?.base ?? 0));
    this.#output.varint("length" in value ? (value as Uint8Array).length : byteLength);
    if (known !== undefined) this.#ref(known);
    else if (span !== undefined) this.#span(whole, span);
    else if (alone) this.#slice(whole, start, byteLength);
    else {
      this.#numbers.set(whole, this.#count++);
      this.#buffer(whole);
    }
  }

  #slice(whole: ArrayBufferLike, start: number, length: number): void {
    this.#count++;
    this.#spans ??= new Spans();
    // An empty view overlaps nothing.
    const known = length > 0 && !this.#spans.add(whole, start, start + length);
    this.#bytes(known ? NOTHING : new Uint8Array(whole, start, length));
  }

  #span(whole: ArrayBufferLike, span: Span): void {
    if (span.number !== undefined) return this.#ref(span.number);
    const { base, start, end } = span;
    span.number = this.#count++;
    if (end - base === whole.byteLength) this.#numbers.set(whole, span.number);
    if (start === base) return this.#bytes(new Uint8Array(whole, start, end - start));
    // No view shows the bytes between `base` and `start`: they stay zero.
    const padded = new Uint8Array(end - base);
    padded.set(new Uint8Array(whole, start, end - start), start - base);
    this.#bytes(padded);
  }

  #ref(number: number): void {
    this.#output.byte(TAG.REF);
    this.#output.varint(number);
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
    const { named, message, stack, cause, errors } = value;
    this.#charge(WEIGHT.error);
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

  #charge(weight: number): void {
    this.#weight -= weight;
    if (this.#weight < 0) throw new Refusal("there are too many objects, buffers or holes before it");
  }
}
