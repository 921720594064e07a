import { randomBytes } from "node:crypto";
import { expect } from "chai";
import fc from "fast-check";
import { packException, unpack } from "../../lib/codec/codec.js";

function trip(thrown: unknown, resultLimit?: number): Error & Record<string, unknown> {
  const { encoding, bytes } = packException(thrown, { resultLimit });
  expect(bytes.length).to.be.at.most(resultLimit ?? 8_192);
  const back = unpack(encoding, bytes, { resultLimit });
  expect(back).to.be.instanceOf(Error);
  return back as Error & Record<string, unknown>;
}

const trap = (): never => {
  throw new Error("trapped");
};
const hostile = (target: object): object =>
  new Proxy(target, { get: trap, has: trap, ownKeys: trap, getPrototypeOf: trap, getOwnPropertyDescriptor: trap });

const ODDITIES: readonly unknown[] = [
  () => 1,
  Symbol("s"),
  hostile({}),
  hostile([]),
  new WeakSet(),
  Promise.resolve(),
  globalThis,
  process,
  2n ** 100_000n,
];

/** Stands for an oddity, because fast-check inspects the values it generates and some throw. */
class Odd {
  constructor(readonly number: number) {}
}

describe("packException", () => {
  it("keeps an error whole if it can", () => {
    const error = Object.assign(new RangeError("whole", { cause: [1] }), { code: "E", detail: new Map([[1, 2]]) });
    const back = trip(error);
    expect(back).to.be.instanceOf(RangeError);
    expect(back).to.deep.include({
      message: "whole",
      stack: error.stack,
      cause: [1],
      code: "E",
      detail: new Map([[1, 2]]),
    });
  });

  it("replaces parts that cannot be encoded with a word, and keeps the rest", () => {
    const error = Object.assign(new TypeError("partly", { cause: new Error("inner") }), {
      code: "E_PART",
      callback: () => 1,
      key: Symbol("k"),
      weak: new WeakMap(),
      proxy: hostile({}),
      nested: { list: [1, () => 1], date: new Date(5), big: 5n, huge: 2n ** 70n },
    });
    const back = trip(Object.defineProperty(error, "broken", { get: trap, enumerable: true }));
    expect(back).to.be.instanceOf(TypeError);
    expect(back).to.include({
      message: "partly",
      stack: error.stack,
      code: "E_PART",
      callback: "[function]",
      key: "[Symbol(k)]",
    });
    expect(back).to.include({ weak: "WeakMap { <items unknown> }", proxy: "[Proxy]", broken: "[unreadable]" });
    expect(back.nested).to.deep.equal({ list: [1, "[function]"], date: new Date(5), big: 5n, huge: "[bigint]" });
    expect((back.cause as Error).message).to.equal("inner");
  });

  it("keeps cycles and shared objects", () => {
    const error = Object.assign(new Error("loop"), {
      callback: () => 1,
      list: [] as unknown[],
      self: {},
    });
    error.cause = error;
    error.self = error;
    error.list.push(error.list);
    const back = trip(error);
    expect(back.cause).to.equal(back);
    expect(back.self).to.equal(back);
    expect((back.list as unknown[])[0]).to.equal(back.list);
  });

  it("drops parts until the rest fits, the message last", () => {
    const noise = randomBytes(40_000).toString("hex");
    const big = Object.assign(new Error("short message"), { noise });
    expect(trip(big).message).to.equal("short message");
    expect(trip(big).noise).to.match(/^[0-9a-f]+… and \d+ more characters$/);
    const long = trip(new Error(noise));
    expect(long.message).to.match(/^[0-9a-f]{1000,}… and \d+ more characters$/);
    const many = Object.assign(
      new Error("many"),
      Object.fromEntries(Array.from({ length: 5_000 }, (_, index) => [randomBytes(8).toString("hex"), index])),
    );
    expect(trip(many).message).to.equal("many");
  });

  it("fits any limit from 64 bytes on", () => {
    const error = Object.assign(new Error("x".repeat(500)), { noise: randomBytes(1_000).toString("hex") });
    for (const limit of [64, 65, 100, 200, 300, 500, 1_000, 2_000])
      expect(trip(error, limit).message).to.match(/^(x+|unknown error)/);
    expect(packException(error, { resultLimit: 1 }).bytes.length).to.be.at.most(64);
  });

  it("stays within 8,192 bytes, however high the limit for results is", () => {
    const error = Object.assign(new Error("much"), { noise: randomBytes(100_000).toString("hex") });
    expect(packException(error, { resultLimit: 67_108_864 }).bytes.length).to.be.at.most(8_192);
    expect(trip(error).message).to.equal("much");
  });

  it("cuts a chain of causes that is too long", () => {
    let error = new Error("0");
    for (let level = 1; level < 1_000; level++) error = new Error(String(level), { cause: error });
    const back = trip(error);
    expect(back.message).to.equal("999");
    expect((back.cause as Error).message).to.equal("998");
  });

  it("is quick with an error that refers to half the heap", () => {
    const rows = Array.from({ length: 100_000 }, (_, index) => ({ index, next: { index, f: () => index } }));
    expect(trip(Object.assign(new Error("rows"), { rows })).message).to.equal("rows");
  });

  it("makes an Error of any other value, with the value as its cause", () => {
    for (const thrown of [
      null,
      undefined,
      5,
      "text",
      "",
      true,
      7n,
      { code: 5, list: [1] },
      [1, 2],
      new Map([[1, 2]]),
    ]) {
      const back = trip(thrown);
      expect(Object.getPrototypeOf(back)).to.equal(Error.prototype);
      expect(Object.hasOwn(back, "cause")).to.equal(true);
      expect(back.cause).to.deep.equal(thrown);
    }
    expect(trip(null).message).to.equal("A value that is not an Error was thrown: null");
    expect(trip("text").message).to.equal("A value that is not an Error was thrown: 'text'");
    expect(trip({ code: 5, list: [1] }).message).to.equal(
      "A value that is not an Error was thrown: { code: 5, list: [ 1 ] }",
    );
  });

  it("makes an Error of a value that can be neither kept nor read", () => {
    for (const thrown of [
      () => 1,
      Symbol("s"),
      hostile({}),
      hostile(new Error("hidden")),
      Promise.resolve(),
      new WeakMap(),
    ]) {
      expect(trip(thrown).message).to.match(/^A value that is not an Error was thrown: .+$/s);
    }
    const { proxy, revoke } = Proxy.revocable(new Error("revoked"), {});
    revoke();
    expect(trip(proxy).message).to.contain("not an Error was thrown");
  });

  it("keeps the message of an error whose getters throw", () => {
    class Broken extends Error {
      override get name(): string {
        return trap();
      }
    }
    expect(trip(new Broken("still here")).message).to.equal("still here");
    const mute = Object.defineProperty(new Error("m"), "message", { get: trap });
    expect(trip(mute)).to.be.instanceOf(Error);
    const stackless = Object.defineProperty(new Error("no stack"), "stack", { get: trap });
    expect(trip(stackless).message).to.equal("no stack");
    const odd = Object.assign(new Error("odd"), { name: 5, stack: {}, constructor: null });
    expect(trip(odd).message).to.equal("odd");
  });

  it("never throws, whatever was thrown", () => {
    const weird = fc.oneof(
      fc.anything({
        withBigInt: true,
        withMap: true,
        withSet: true,
        withTypedArray: true,
        withSparseArray: true,
        withNullPrototype: true,
      }),
      fc.constantFrom(...ODDITIES.keys()).map((odd) => new Odd(odd)),
    );
    const thrown = fc.tuple(
      fc.constantFrom("plain", "prop", "cause", "errors", "name", "stack", "message", "proto"),
      weird,
      fc.constantFrom(64, 200, 8_192),
    );
    fc.assert(
      fc.property(thrown, ([place, value, limit]) => {
        trip(throwable(place, value instanceof Odd ? ODDITIES[value.number] : value), limit);
      }),
      { numRuns: 500 },
    );
  });
});

function throwable(place: string, value: unknown): unknown {
  if (place === "plain") return value;
  if (place === "cause") return new Error("e", { cause: value });
  if (place === "errors") return new AggregateError([value], "e");
  if (place === "proto")
    return Object.setPrototypeOf(new Error("e"), {
      constructor: value,
      name: value,
      __proto__: Error.prototype,
    }) as unknown;
  return Object.assign(new Error("e"), { [place]: value });
}
