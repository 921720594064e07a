import { runInNewContext } from "node:vm";

/** A value that must survive unchanged, by the name of its test. */
export type Sample = readonly [name: string, value: unknown];

const buffer = new ArrayBuffer(32);
new Uint8Array(buffer).set(Array.from({ length: 32 }, (_, index) => index * 7));

const bare = Object.assign(Object.create(null) as object, { a: 1 });
const withProto = JSON.parse('{"a":1,"__proto__":{"polluted":true}}') as object;
// oxlint-disable-next-line no-sparse-arrays -- holes are what is tested
const holes = [, 1, , , undefined, 2, ,];
const manyKeys = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`key${index}`, index]));

export const SAMPLES: readonly Sample[] = [
  ["undefined", undefined],
  ["null", null],
  ["true", true],
  ["false", false],
  ["0", 0],
  ["-0", -0],
  ["127", 127],
  ["128", 128],
  ["-1", -1],
  ["the largest 32-bit integer", 2 ** 31 - 1],
  ["the smallest 32-bit integer", -(2 ** 31)],
  ["one beyond 32 bits", 2 ** 31],
  ["one below 32 bits", -(2 ** 31) - 1],
  ["a timestamp", 1_700_000_000_000],
  ["MAX_SAFE_INTEGER", Number.MAX_SAFE_INTEGER],
  ["MAX_VALUE", Number.MAX_VALUE],
  ["MIN_VALUE", Number.MIN_VALUE],
  ["a fraction", 0.1],
  ["NaN", Number.NaN],
  ["Infinity", Number.POSITIVE_INFINITY],
  ["-Infinity", Number.NEGATIVE_INFINITY],
  ["0n", 0n],
  ["-1n", -1n],
  ["the largest 64-bit bigint", 2n ** 63n - 1n],
  ["the smallest 64-bit bigint", -(2n ** 63n)],
  ["2n ** 63n", 2n ** 63n],
  ["a negative bigint beyond 64 bits", -(2n ** 63n) - 1n],
  ["a bigint of 8 KB", 2n ** 65_536n - 1n],
  ["an empty string", ""],
  ["a short string", "hello"],
  ["a string of 12 characters", "123456789012"],
  ["a string of 13 characters", "1234567890123"],
  ["a string of 63 characters", "x".repeat(63)],
  ["a string of 64 characters", "x".repeat(64)],
  ["a long string", "lorem ipsum ".repeat(1_000)],
  ["a short Latin-1 string", "Zürich"],
  ["a long Latin-1 string", "Zürich ".repeat(100)],
  ["a short string beyond Latin-1", "日本語 and 😀"],
  ["a long string beyond Latin-1", "日本語 and 😀".repeat(100)],
  ["a string that begins with a byte order mark", "\uFEFFtext"],
  ["NUL characters", "a\0b\0"],
  ["a short lone surrogate", "a\uD800b"],
  ["lone surrogates in a long string", `${"x".repeat(100)}\uDC00\uD83D`],
  ["an empty object", {}],
  ["an object", { a: 1, b: "two", c: [3] }],
  ["an object with integer keys", { 1: "a", 0: "b", x: "c" }],
  ["an object with odd keys", { "": 1, "a b": 2, ключ: 3, "\uD800": 4 }],
  ["an object with undefined in it", { a: undefined }],
  ["an object of 100 keys", manyKeys],
  ["a null-prototype object", bare],
  ["__proto__ as a key", withProto],
  ["__proto__ as a key of a null-prototype object", Object.assign(Object.create(null) as object, { ["__proto__"]: 1 })],
  ["constructor and prototype as keys", { constructor: 1, prototype: 2, toString: 3, hasOwnProperty: 4 }],
  ["an empty array", []],
  ["an array", [1, "two", null, undefined, [3]]],
  ["an array with holes", holes],
  ["an array of holes only", Object.assign([], { length: 5 })],
  ["a sparse array", Object.assign([], { 100_000: "far" })],
  ["a Date", new Date(1_700_000_000_123)],
  ["a Date before 1970", new Date(-1)],
  ["a RegExp", /a+(?<name>b)\/[\]]/giu],
  ["an empty RegExp", new RegExp("")],
  ["a RegExp with all flags", /x/dgimsuy],
  [
    "a Map",
    new Map<unknown, unknown>([
      [1, "a"],
      ["b", { c: 1 }],
      [{ key: true }, null],
      [Number.NaN, -1],
    ]),
  ],
  ["an empty Map", new Map()],
  ["a Set", new Set([1, "a", null, undefined, Number.NaN])],
  ["an empty Set", new Set()],
  ["Maps and Sets in one another", new Map([[new Set([1]), new Map([[new Set(), []]])]])],
  ["a Buffer of its own memory", Buffer.alloc(10, 7)],
  ["a Buffer from the pool", Buffer.from("pooled")],
  ["a part of a Buffer", Buffer.alloc(100, 3).subarray(10, 20)],
  ["an empty Buffer", Buffer.alloc(0)],
  ["an ArrayBuffer", buffer],
  ["an empty ArrayBuffer", new ArrayBuffer(0)],
  ["an Int8Array", new Int8Array([-128, 127])],
  ["a Uint8Array", new Uint8Array([0, 255])],
  ["a Uint8Array of pooled memory", new Uint8Array(Buffer.from("pooled").buffer, 8, 4)],
  ["a Uint8ClampedArray", new Uint8ClampedArray([0, 300])],
  ["an Int16Array", new Int16Array([-32_768, 32_767])],
  ["a Uint16Array", new Uint16Array([65_535])],
  ["an Int32Array", new Int32Array([-(2 ** 31)])],
  ["a Uint32Array", new Uint32Array([2 ** 32 - 1])],
  ["a Float32Array", new Float32Array([0.5, Number.NaN])],
  ["a Float64Array", new Float64Array([0.1, -0, Number.POSITIVE_INFINITY])],
  ["a BigInt64Array", new BigInt64Array([-(2n ** 63n)])],
  ["a BigUint64Array", new BigUint64Array([2n ** 64n - 1n])],
  ["a typed array at an offset", new Uint16Array(buffer, 4, 3)],
  ["an empty typed array", new Float64Array(0)],
  ["a DataView", new DataView(buffer, 3, 5)],
  ["a boxed Number", Object(-0)],
  ["a boxed String", Object("text")],
  ["a boxed Boolean", Object(false)],
  ["a boxed BigInt", Object(12n)],
  ["a URL", new URL("https://user:pass@example.com:8080/path?q=1#hash")],
  [
    "a matrix",
    [
      [[1], [2]],
      [[3], [4]],
    ],
  ],
  [
    "rows of one shape",
    Array.from({ length: 200 }, (_, id) => ({ id, name: `name ${id}`, at: new Date(id), ok: id % 2 === 0 })),
  ],
  [
    "rows of several shapes",
    Array.from({ length: 50 }, (_, id) => (id % 3 ? { id, a: 1 } : { a: id, id: null, c: [] })),
  ],
  ["many short strings after one another", Array.from({ length: 3_000 }, (_, id) => `s${id}`)],
];

/** Values that must return as an equal copy, whose type may differ. */
export const CONVERTED: readonly (readonly [name: string, value: unknown, expected: unknown])[] = [
  [
    "an instance of a class becomes a plain object",
    new (class Point {
      x = 1;
      #y = 2;
      get y() {
        return this.#y;
      }
    })(),
    { x: 1 },
  ],
  [
    "an instance of a subclass of Map becomes a Map",
    new (class Index extends Map<number, number> {})([[1, 2]]),
    new Map([[1, 2]]),
  ],
  [
    "an instance of a subclass of Array becomes an array",
    Object.assign(new (class List extends Array<number> {})(), [1, 2]),
    [1, 2],
  ],
  [
    "an instance of a subclass of Uint8Array becomes a Uint8Array",
    new (class Bytes extends Uint8Array {})([1]),
    new Uint8Array([1]),
  ],
  [
    "values of another realm become those of this one",
    runInNewContext("({ a: [1, new Date(5), new Map([[1, /x/g]])] })"),
    { a: [1, new Date(5), new Map([[1, /x/g]])] },
  ],
  ["symbol keys are left behind", { a: 1, [Symbol("s")]: 2 }, { a: 1 }],
  ["non-enumerable properties are left behind", Object.defineProperty({ a: 1 }, "b", { value: 2 }), { a: 1 }],
  [
    "getters are read",
    {
      get a() {
        return 1;
      },
    },
    { a: 1 },
  ],
  ["named properties of an array are left behind", Object.assign([1], { index: 0 }), [1]],
  ["toJSON is not asked", { toJSON: 1, a: 2 }, { toJSON: 1, a: 2 }],
  ["a Proxy of a plain object is read through", new Proxy({ a: 1 }, {}), { a: 1 }],
];
