import { isBoxedPrimitive } from "node:util/types";
import { expect } from "chai";

/**
 * Fails unless two values are the same graph: the same types, contents and order, and
 * whatever is one object in one of them is one object in the other.
 */
export function expectSame(actual: unknown, expected: unknown): void {
  new Comparison().compare(actual, expected, "$");
}

class Comparison {
  readonly #partner = new Map<object, object>();
  readonly #taken = new Set<object>();

  compare(actual: unknown, expected: unknown, path: string): void {
    if (typeof expected !== "object" || expected === null || typeof actual !== "object" || actual === null) {
      if (!Object.is(actual, expected)) expect.fail(`${path}: ${String(actual)} is not ${String(expected)}`);
      return;
    }
    const partner = this.#partner.get(expected);
    if (partner !== undefined || this.#taken.has(actual)) {
      if (partner !== actual) expect.fail(`${path}: identity differs`);
      return;
    }
    this.#partner.set(expected, actual);
    this.#taken.add(actual);
    expect(Object.getPrototypeOf(actual), `${path}: prototype`).to.equal(Object.getPrototypeOf(expected));
    this.#contents(actual, expected, path);
  }

  #contents(actual: object, expected: object, path: string): void {
    if (expected instanceof Map) this.#list([...(actual as typeof expected)].flat(1), [...expected].flat(1), path);
    else if (expected instanceof Set) this.#list([...(actual as typeof expected)], [...expected], path);
    else if (expected instanceof Date) this.compare((actual as Date).getTime(), expected.getTime(), path);
    else if (ArrayBuffer.isView(expected)) this.#view(actual as ArrayBufferView, expected, path);
    else if (expected instanceof ArrayBuffer) this.#bytes(actual as ArrayBuffer, expected, path);
    else if (expected instanceof RegExp) expect(`${actual as RegExp}`, path).to.equal(`${expected}`);
    else {
      if (Array.isArray(expected)) this.compare((actual as unknown[]).length, expected.length, `${path}.length`);
      if (isBoxedPrimitive(expected)) this.compare(actual.valueOf(), expected.valueOf(), path);
      this.#properties(actual, expected, path);
    }
  }

  #properties(actual: object, expected: object, path: string): void {
    expect(Object.keys(actual), `${path}: keys`).to.deep.equal(Object.keys(expected));
    for (const key of Object.keys(expected)) {
      const [mine, theirs] = [
        Reflect.getOwnPropertyDescriptor(actual, key),
        Reflect.getOwnPropertyDescriptor(expected, key),
      ];
      this.compare(mine?.value, theirs?.value, `${path}.${key}`);
    }
  }

  #list(actual: readonly unknown[], expected: readonly unknown[], path: string): void {
    expect(actual.length, `${path}: size`).to.equal(expected.length);
    for (const [index, item] of expected.entries()) this.compare(actual[index], item, `${path}<${index}>`);
  }

  #view(actual: ArrayBufferView, expected: ArrayBufferView, path: string): void {
    expect(actual.byteLength, path).to.equal(expected.byteLength);
    expect(bytesOf(actual).equals(bytesOf(expected)), `${path}: bytes`).to.equal(true);
  }

  #bytes(actual: ArrayBuffer, expected: ArrayBuffer, path: string): void {
    expect(Buffer.from(actual).equals(Buffer.from(expected)), `${path}: bytes`).to.equal(true);
  }
}

function bytesOf(view: ArrayBufferView): Buffer {
  return Buffer.from(view.buffer, view.byteOffset, view.byteLength);
}
