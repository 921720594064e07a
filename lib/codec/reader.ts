import { types } from "node:util";
import { DecodeError } from "../errors.js";
import { BASE_NAMES, type ErrorClass, registry } from "./error-classes.js";
import { ErrorParts, hide, restore } from "./error-parts.js";
import { FloodGuard } from "./flood-guard.js";
import { Input } from "./input.js";
import { MAX_BIGINT, MAX_DEPTH, MAX_REGEXP, MAX_SHAPE, WEIGHT, weightLimit } from "./limits.js";
import { ERROR_HEAD, TAG } from "./tag.js";
import { VIEW_KINDS } from "./views.js";

/** Reads one value from bytes that may come from anywhere. */
export class Reader {
  readonly #input: Input;
  readonly #errors: readonly ErrorClass[];
  /** The objects by number. One that is made of its parts is undefined until these are read. */
  readonly #objects: unknown[] = [];
  /** The shapes by their numbers, less 1. */
  readonly #shapes: (readonly string[])[] = [];
  /** Bytes of heap that containers may still take. */
  #weight: number;

  constructor(bytes: Uint8Array, limit: number, errors: readonly ErrorClass[]) {
    this.#input = new Input(bytes);
    this.#errors = errors;
    this.#weight = weightLimit(limit);
  }

  read(): unknown {
    const value = this.#value(0);
    if (this.#input.remaining > 0) throw new DecodeError(`${this.#input.remaining} bytes are left over`);
    return value;
  }

  #value(depth: number): unknown {
    const input = this.#input;
    const tag = input.byte();
    if (tag >= TAG.SMALL) return tag & 0x7f;
    if (tag >= TAG.SHORT) return input.short(tag & 0x3f);
    switch (tag) {
      case TAG.INTEGER:
        return input.integer();
      case TAG.FLOAT:
        return input.float();
      case TAG.TRUE:
        return true;
      case TAG.FALSE:
        return false;
      case TAG.NULL:
        return null;
      case TAG.UNDEFINED:
        return undefined;
      case TAG.LATIN1:
      case TAG.UTF8:
      case TAG.UTF16:
        return input.text(tag);
      case TAG.BIGINT64:
        return input.bigint64();
      case TAG.BIGINT:
        return input.bigint(MAX_BIGINT);
      case TAG.NEGATIVE_BIGINT:
        return -input.bigint(MAX_BIGINT);
      case TAG.REF:
        return this.#ref();
      default:
        if (depth === MAX_DEPTH) throw new DecodeError(`it is nested more than ${MAX_DEPTH} levels deep`);
        return this.#object(tag, depth + 1);
    }
  }

  #object(tag: number, depth: number): unknown {
    switch (tag) {
      case TAG.OBJECT:
        return this.#plain({}, depth);
      case TAG.ARRAY:
        return this.#array(depth);
      case TAG.DATE:
        return this.#keep(new Date(this.#input.float()));
      case TAG.MAP:
        return this.#map(depth);
      case TAG.SET:
        return this.#set(depth);
      case TAG.BARE_OBJECT:
        return this.#plain(Object.create(null) as object, depth);
      case TAG.BUFFER:
        return this.#buffer();
      case TAG.VIEW:
        return this.#view();
      case TAG.REGEXP:
        return this.#regexp();
      case TAG.URL:
        return this.#url();
      case TAG.BOXED:
        return this.#boxed(depth);
      case TAG.ERROR:
        return this.#error(depth);
      default:
        throw new DecodeError(`unknown tag ${tag}, perhaps of a newer release`);
    }
  }

  #ref(): unknown {
    const object = this.#objects[this.#input.varint()];
    if (object === undefined) throw new DecodeError("a reference names an object that does not exist");
    return object;
  }

  #keep<T extends object>(object: T): T {
    this.#objects.push(object);
    return object;
  }

  #plain(object: object, depth: number): object {
    this.#charge(WEIGHT.object);
    this.#objects.push(object);
    const keys = this.#shape();
    const target = object as Record<string, unknown>;
    for (let index = 0; index < keys.length; index++) {
      const key = keys[index] as string;
      const value = this.#value(depth);
      if (key === "__proto__") define(object, key, value);
      else target[key] = value;
    }
    return object;
  }

  #shape(): readonly string[] {
    const number = this.#input.varint();
    if (number > 0) {
      const known = this.#shapes[number - 1];
      if (known === undefined) throw new DecodeError("an object names a shape that does not exist");
      // Each value takes at least one byte.
      if (known.length > this.#input.remaining) throw new DecodeError("the bytes end too early");
      return known;
    }
    const count = this.#input.count(2);
    const keys: string[] = [];
    for (let index = 0; index < count; index++) keys.push(this.#input.string());
    if (count <= MAX_SHAPE) this.#shapes.push(keys);
    return keys;
  }

  #array(depth: number): unknown[] {
    this.#charge(WEIGHT.array);
    const array: unknown[] = this.#keep([]);
    const length = this.#input.varint();
    let index = 0;
    while (index < length) {
      if (this.#input.skips(TAG.HOLES)) {
        const count = this.#input.varint();
        if (count === 0 || count > length - index) throw new DecodeError("an array has more holes than elements");
        this.#charge(count * WEIGHT.hole);
        index += count;
        array.length = index;
      } else {
        array.push(this.#value(depth));
        index++;
      }
    }
    return array;
  }

  #map(depth: number): Map<unknown, unknown> {
    this.#charge(WEIGHT.map);
    const map = this.#keep(new Map<unknown, unknown>());
    let count = this.#input.count(2);
    for (const guard = FloodGuard.for(count); count > 0; count--) {
      const key = this.#value(depth);
      if (guard?.floods(key)) throw flooded();
      map.set(key, this.#value(depth));
    }
    return map;
  }

  #set(depth: number): Set<unknown> {
    this.#charge(WEIGHT.set);
    const set = this.#keep(new Set<unknown>());
    let count = this.#input.count(1);
    for (const guard = FloodGuard.for(count); count > 0; count--) {
      const item = this.#value(depth);
      if (guard?.floods(item)) throw flooded();
      set.add(item);
    }
    return set;
  }

  #buffer(): ArrayBuffer {
    this.#charge(WEIGHT.buffer);
    return this.#keep(this.#input.buffer());
  }

  #view(): ArrayBufferView {
    this.#charge(WEIGHT.view);
    const place = this.#objects.push(undefined) - 1;
    const number = this.#input.byte();
    const kind = VIEW_KINDS[number];
    if (kind === undefined) throw new DecodeError(`this Node.js has no typed array of kind ${number}`);
    const offset = this.#input.varint();
    const length = this.#input.varint();
    const buffer = this.#input.skips(TAG.REF) ? this.#ref() : this.#input.skips(TAG.BUFFER) ? this.#buffer() : null;
    if (!types.isArrayBuffer(buffer)) throw new DecodeError("a view has no buffer");
    if (offset % kind.size !== 0 || offset + length * kind.size > buffer.byteLength) {
      throw new DecodeError("a view exceeds its buffer, or is not aligned");
    }
    const view = kind.make(buffer, offset, length);
    this.#objects[place] = view;
    return view;
  }

  #regexp(): RegExp {
    this.#charge(WEIGHT.regexp);
    const source = this.#input.string();
    const flags = this.#input.string();
    if (source.length > MAX_REGEXP)
      throw new DecodeError(`a regular expression has more than ${MAX_REGEXP} characters`);
    return this.#keep(new RegExp(source, flags));
  }

  #url(): URL {
    this.#charge(WEIGHT.url);
    return this.#keep(new URL(this.#input.string()));
  }

  #boxed(depth: number): object {
    const place = this.#objects.push(undefined) - 1;
    const primitive = this.#value(depth);
    if (primitive === null || primitive === undefined || typeof primitive === "object") {
      throw new DecodeError("a boxed value is not a primitive");
    }
    const box = Object(primitive) as object;
    this.#objects[place] = box;
    return box;
  }

  #error(depth: number): Error {
    this.#charge(WEIGHT.error);
    const input = this.#input;
    const place = this.#objects.push(undefined) - 1;
    const head = input.byte();
    const parts = new ErrorParts();
    parts.base = head & ERROR_HEAD.BASE;
    const named = (head & ERROR_HEAD.NAMES) !== 0;
    parts.className = named ? input.string() : (BASE_NAMES[parts.base] as string);
    parts.name = named ? input.string() : parts.className;
    if (head & ERROR_HEAD.MESSAGE) parts.message = input.string();
    if (head & ERROR_HEAD.STACK) parts.stack = input.string();
    const error = restore(parts, registry(this.#errors));
    this.#objects[place] = error;
    if (head & ERROR_HEAD.CAUSE) hide(error, "cause", this.#value(depth));
    if (head & ERROR_HEAD.ERRORS) hide(error, "errors", this.#value(depth));
    for (const key of this.#shape()) define(error, key, this.#value(depth));
    return error;
  }

  #charge(weight: number): void {
    this.#weight -= weight;
    if (this.#weight < 0) throw new DecodeError("it has too many objects, buffers or holes");
  }
}

function flooded(): DecodeError {
  return new DecodeError("too many numbers of a Map or Set share a hash bucket, which makes it slow");
}

/** Defines a property as assignment does, but calls no setter: `__proto__` is an ordinary key. */
function define(object: object, key: string, value: unknown): void {
  Object.defineProperty(object, key, { value, writable: true, configurable: true, enumerable: true });
}
