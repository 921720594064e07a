import { createContext, runInContext, runInThisContext } from "node:vm";
import { expect } from "chai";
import { decode, encode, packException, unpack } from "../../lib/codec/codec.js";
import { summarize } from "../../lib/codec/failure.js";
import { checkJob } from "../../lib/job/checked-job.js";
import { checkOptions } from "../../lib/options.js";
import { checkAwaitOptions } from "../../lib/relay/awaiter.js";
import { checkRelay } from "../../lib/relay/relay.js";

const realm = createContext({});

/** Runs the same source in another realm and in this one. */
function both<Value>(source: string): { foreign: Value; own: Value } {
  return { foreign: runInContext(`(${source})`, realm) as Value, own: runInThisContext(`(${source})`) as Value };
}

const SOURCES = [
  "{ a: 1, b: { c: [] } }",
  "{}",
  "Object.assign(Object.create(null), { a: 1 })",
  "[1, , 'two', null]",
  "new (class Point { x = 1 })()",
  "new Proxy({ a: 1 }, {})",
  "new Date(5)",
  "new Map([[{ a: 1 }, new Set([1, 'a'])]])",
  "new (class Index extends Map {})([[1, 2]])",
  "/x+/gi",
  "Object(1)",
  "Object('text')",
  "Object(12n)",
  "2n ** 70n",
  "new ArrayBuffer(3)",
  "new DataView(new ArrayBuffer(8), 2, 4)",
  "new (class Bytes extends Uint8Array {})([1, 2])",
  ...["Int8", "Uint8", "Uint8Clamped", "Int16", "Uint16", "Int32", "Uint32", "Float32", "Float64"].map(
    (name) => `new ${name}Array([1, 2])`,
  ),
  "new BigInt64Array([1n])",
  "new BigUint64Array([1n])",
  "new Uint16Array(new ArrayBuffer(16), 4, 2)",
  "((a) => [a, new Uint8Array(a, 1), a])(new ArrayBuffer(4))",
  "((e) => { e.stack = 'fixed'; return e; })(new Error('message', { cause: { a: 1 } }))",
  "((e) => { e.stack = 'fixed'; return e; })(new AggregateError([1, { a: 2 }], 'message'))",
  "((e) => { e.stack = 'fixed'; return e; })(new (class Late extends RangeError { name = 'Late'; code = 5 })('message'))",
  "(() => { function Old() {} Old.prototype = Object.create(TypeError.prototype); return Object.assign(new Old(), { stack: '' }); })()",
];

describe("codec: values of another realm", () => {
  for (const source of SOURCES) {
    it(`encode as those of this one: ${source}`, () => {
      const { foreign, own } = both(source);
      expect(encode(foreign).toString("latin1")).to.equal(encode(own).toString("latin1"));
    });
  }

  it("are restored as errors of their built-in class", () => {
    for (const name of ["Error", "TypeError", "RangeError", "SyntaxError"]) {
      const back = decode(encode(runInContext(`new ${name}("m")`, realm))) as Error;
      expect(Object.getPrototypeOf(back)).to.equal(
        (globalThis as unknown as Record<string, typeof Error>)[name]?.prototype,
      );
    }
  });

  it("are refused for the same reasons", () => {
    for (const source of ["Promise.resolve(1)", "new WeakMap()", "() => 1", "Symbol()", "new SharedArrayBuffer(4)"]) {
      const { foreign, own } = both(source);
      const problemOf = (value: unknown): string => {
        try {
          encode(value);
        } catch (error) {
          return (error as Error).message;
        }
        return expect.fail(`${source} was encoded`);
      };
      expect(problemOf(foreign)).to.equal(problemOf(own));
    }
  });

  it("are described as errors when thrown", () => {
    const thrown = runInContext("Object.assign(new RangeError('too far'), { code: 'FAR' })", realm) as Error;
    expect(summarize(thrown)).to.match(/^RangeError: too far\n +at /);
    const { encoding, bytes } = packException(thrown);
    expect(unpack(encoding, bytes)).to.be.an.instanceof(RangeError).and.include({ message: "too far", code: "FAR" });
  });

  it("are URLs, even of a test runner's own class", () => {
    class URL {
      readonly #href: string;
      constructor(href: string) {
        this.#href = href;
      }
      get href(): string {
        return this.#href;
      }
      get [Symbol.toStringTag](): string {
        return "URL";
      }
    }
    expect(decode(encode(new URL("https://example.com/")))).to.deep.equal(new globalThis.URL("https://example.com/"));
  });
});

describe("arguments of another realm", () => {
  const run = (source: string): unknown => runInContext(source, realm);

  it("are accepted: a Date, error classes, an AbortSignal, plain args", () => {
    const options = { scheduledAt: run("new Date(5)") as Date };
    expect(checkJob({ worker: "w", args: run("({ a: [1] })"), options })).to.include({
      scheduledAt: 5,
      args: '{"a":[1]}',
    });
    const errors = [run("(class Foreign extends Error {})"), run("TypeError")] as (typeof Error)[];
    expect(checkOptions({ connection: "postgres://localhost", errors }).errors).to.deep.equal(errors);
    // Like that of jsdom: not an instance of this realm's class.
    const { signal } = new AbortController();
    const foreign = { aborted: false, addEventListener() {}, removeEventListener() {}, throwIfAborted() {} };
    for (const each of [signal, foreign as unknown as AbortSignal]) {
      expect(checkAwaitOptions({ signal: each }).signal).to.equal(each);
    }
  });

  it("are refused if invalid: a promise of a relay, an array without error classes", () => {
    expect(() => checkRelay(run("Promise.resolve(1)"))).to.throw(/await async\(\) first/);
    for (const wrong of ["Error.prototype", "(class {})", "({ prototype: 1 })", "Object"]) {
      const errors = [run(wrong)] as (typeof Error)[];
      expect(() => checkOptions({ connection: "postgres://localhost", errors }), wrong).to.throw(/extend Error/);
    }
    expect(() => checkAwaitOptions({ signal: run("({ aborted: false })") as AbortSignal })).to.throw(/AbortSignal/);
  });
});
