import { expect } from "chai";
import { encode, pack, packException } from "../../lib/codec/codec.js";
import { EncodeError } from "../../lib/errors.js";

function refusalOf(value: unknown): EncodeError {
  try {
    encode(value);
  } catch (error) {
    expect(error).to.be.instanceOf(EncodeError);
    return error as EncodeError;
  }
  return expect.fail("it was encoded");
}

function detached(): ArrayBuffer {
  const buffer = new ArrayBuffer(8);
  structuredClone(buffer, { transfer: [buffer] });
  return buffer;
}

const throwing = {
  get bad(): never {
    throw new Error("out of order");
  },
};

function nest(): object {
  return {
    get a() {
      return nest();
    },
  };
}

class Query {
  // oxlint-disable-next-line no-thenable -- a thenable is what is tested
  then(): void {}
}

function* generator(): Generator {
  yield 1;
}

function viewOfDetached(): Uint8Array {
  const view = new Uint8Array(8);
  structuredClone(view.buffer, { transfer: [view.buffer] });
  return view;
}

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

function growing(): Map<unknown, unknown> {
  const map = new Map<unknown, unknown>();
  return map.set(1, {
    get a() {
      map.set(2, 2);
      return 1;
    },
  });
}

function shrinking(): Set<unknown> {
  const set = new Set<unknown>();
  return set
    .add({
      get a() {
        set.delete(2);
        return 1;
      },
    })
    .add(2);
}

const trap = (thrown: unknown) => (): never => {
  throw thrown;
};

describe("encode refuses", () => {
  const values: readonly (readonly [name: string, make: () => unknown, problem: RegExp])[] = [
    ["a function", () => () => 1, /function/],
    ["a class", () => Query, /function/],
    ["a symbol", () => Symbol("s"), /symbol/],
    ["a boxed symbol", () => Object(Symbol("s")) as unknown, /symbol/],
    ["a promise", () => Promise.resolve(1), /promise.*await/],
    ["a thenable with its then on a prototype", () => new Query(), /promise/],
    ["a WeakMap", () => new WeakMap(), /WeakMap/],
    ["a WeakSet", () => new WeakSet(), /WeakSet/],
    ["a WeakRef", () => new WeakRef({}), /WeakRef/],
    ["a generator", generator, /Generator/],
    ["an iterator", () => new Map().entries(), /Map Iterator/],
    ["URLSearchParams", () => new URLSearchParams("a=1"), /URLSearchParams/],
    ["a SharedArrayBuffer", () => new SharedArrayBuffer(8), /SharedArrayBuffer/],
    ["a view of a SharedArrayBuffer", () => new Uint8Array(new SharedArrayBuffer(8), 2, 2), /SharedArrayBuffer/],
    ["a detached ArrayBuffer", detached, /detached/],
    ["a view of a detached ArrayBuffer", viewOfDetached, /detached/],
    ["a getter that throws", () => throwing, /reading it threw out of order/],
    ["a Proxy of a Map", () => new Proxy(new Map(), {}), /Proxy/],
    ["a Proxy whose traps throw", () => new Proxy({}, { ownKeys: trap(new Error("no keys")) }), /no keys/],
    ["a Proxy whose traps throw no Error", () => new Proxy({}, { getPrototypeOf: trap(null) }), /null/],
    ["a revoked Proxy", revoked, /revoked/],
    ["a Map that grows while it is read", growing, /changed/],
    ["a Set that shrinks while it is read", shrinking, /changed/],
    ["an object nested without end by a getter", nest, /128 levels/],
  ];
  for (const [name, make, problem] of values) {
    it(name, () => {
      const error = refusalOf(make());
      expect(error.message).to.match(problem);
      expect(error.code).to.equal("ERR_BATON_ENCODE");
      expect(refusalOf([0, { part: make() }]).path).to.match(/^\$\[1\]\.part/);
      expect(() => pack(make())).to.throw(EncodeError);
    });
  }
});

describe("EncodeError names the part", () => {
  const f = (): void => {};
  const key = { f };
  const cases: readonly (readonly [path: string, value: unknown])[] = [
    ["$", f],
    ["$.callback", { callback: f }],
    ["$.rows[3].callback", { rows: [0, 1, 2, { callback: f }] }],
    ['$["odd key"]', { "odd key": f }],
    ['$["0"]', { 0: f }],
    ["$.größe", { größe: f }],
    [
      "$.map<key 2>",
      {
        map: new Map<unknown, unknown>([
          [1, 1],
          [2, 2],
          [f, 3],
        ]),
      },
    ],
    ["$.map<key 0>.f", { map: new Map([[key, 1]]) }],
    [
      "$.map<value 1>.f",
      {
        map: new Map<unknown, unknown>([
          [1, 1],
          [2, { f }],
        ]),
      },
    ],
    ["$.set<item 1>", { set: new Set([1, f]) }],
    ["$[2]", Object.assign([], { 2: f })],
    ["$.error.cause.f", { error: new Error("outer", { cause: { f } }) }],
    ["$.errors[1].f", new AggregateError([1, { f }])],
    ["$.error.config.f", { error: Object.assign(new Error("e"), { config: { f } }) }],
    [
      "$.point.f",
      {
        point: new (class Point {
          f = f;
        })(),
      },
    ],
    ["$.a.bad", { a: throwing }],
  ];
  for (const [path, value] of cases) {
    it(path, () => {
      expect(refusalOf(value).path).to.equal(path);
      expect(refusalOf(value).message).to.contain(`Cannot encode ${path}: `);
    });
  }

  it("and the encoder works on after it", () => {
    refusalOf([{ a: f }]);
    expect(encode([{ a: 1 }])).to.deep.equal(encode([{ a: 1 }]));
    expect(packException(new Error("x")).encoding).to.equal("b");
  });
});
