import { deepStrictEqual } from "node:assert/strict";
import { expect } from "chai";
import { decode, encode, pack, unpack } from "../../lib/codec/codec.js";
import { CONVERTED, SAMPLES } from "./samples.js";

function trip<T>(value: T): T {
  return decode(encode(value)) as T;
}

describe("codec", () => {
  describe("returns an equal value", () => {
    for (const [name, value] of SAMPLES) {
      it(name, () => {
        deepStrictEqual(trip(value), value);
        deepStrictEqual(trip([value, value]), [value, value]);
        deepStrictEqual(trip({ in: value }), { in: value });
      });
    }

    it("of all samples at once, packed", () => {
      const all = SAMPLES.map(([, value]) => value);
      const packed = pack(all, { resultLimit: 1_000_000 });
      if (packed.tooLarge) throw new Error("too large");
      expect(packed.encoding).to.equal("z");
      deepStrictEqual(unpack(packed.encoding, packed.bytes, { resultLimit: 1_000_000 }), all);
    });

    it("an invalid Date", () => {
      expect(Number.isNaN(trip(new Date(Number.NaN)).getTime())).to.equal(true);
    });

    it("a Float16Array, where there are any", function () {
      const Float16 = (globalThis as unknown as Record<string, new (items: number[]) => ArrayBufferView>).Float16Array;
      if (Float16 === undefined) this.skip();
      deepStrictEqual(trip(new Float16([1.5])), new Float16([1.5]));
    });
  });

  describe("returns an equal copy of what it cannot keep whole", () => {
    for (const [name, value, expected] of CONVERTED) {
      it(name, () => {
        deepStrictEqual(trip(value), expected);
      });
    }
  });

  describe("keeps identity", () => {
    it("of an object in two places", () => {
      const shared = { a: 1 };
      const [first, second, map] = trip([shared, shared, new Map([[shared, new Set([shared])]])] as const);
      expect(first).to.equal(second);
      expect([...map.keys()]).to.deep.equal([first]);
      expect([...map.keys()][0]).to.equal(first);
      expect([...(map.get(first) as Set<object>)][0]).to.equal(first);
    });

    it("of an object inside itself", () => {
      const value: Record<string, unknown> = {};
      Object.assign(value, { self: value, list: [value], map: new Map([[value, value]]), set: new Set([value]) });
      const back = trip(value) as { self: unknown; list: unknown[]; map: Map<unknown, unknown>; set: Set<unknown> };
      expect(back.self).to.equal(back);
      expect(back.list[0]).to.equal(back);
      expect(back.map.get(back)).to.equal(back);
      expect(back.set.has(back)).to.equal(true);
    });

    it("of every kind of object", () => {
      for (const [name, value] of SAMPLES) {
        if (typeof value !== "object" || value === null) continue;
        const [first, other, second] = trip([value, {}, value]);
        expect(first, name).to.equal(second);
        expect(first, name).to.not.equal(other);
      }
    });

    it("tells an object from its equal", () => {
      const [first, second] = trip([{ a: 1 }, { a: 1 }]);
      expect(first).to.deep.equal(second);
      expect(first).to.not.equal(second);
    });
  });

  describe("shares no memory", () => {
    it("between a value and the bytes it was decoded from", () => {
      const bytes = encode({ buffer: Buffer.alloc(4, 1), view: new Uint8Array([1, 2]) });
      const back = decode(bytes) as { buffer: Buffer; view: Uint8Array };
      bytes.fill(0);
      expect([...back.buffer]).to.deep.equal([1, 1, 1, 1]);
      expect(back.buffer.buffer.byteLength).to.equal(4);
      expect(back.view.buffer.byteLength).to.equal(2);
    });

    it("between one value's bytes and the next one's", () => {
      const first = encode("first");
      encode("second");
      expect(decode(first)).to.equal("first");
    });

    it("so that packed bytes can be transferred", () => {
      for (const value of [1, "x".repeat(5_000), Array.from({ length: 500 }, (_, index) => index)]) {
        const packed = pack(value);
        if (packed.tooLarge) throw new Error("too large");
        expect(packed.bytes.buffer.byteLength).to.equal(packed.bytes.byteLength);
        const moved = structuredClone(packed.bytes, { transfer: [packed.bytes.buffer as ArrayBuffer] });
        expect(packed.bytes.byteLength).to.equal(0);
        deepStrictEqual(unpack(packed.encoding, moved), value);
      }
    });
  });

  it("decodes from any Uint8Array, at any offset", () => {
    const bytes = encode({ a: [1.5, "text", new Uint8Array([1])] });
    const wider = new Uint8Array(bytes.length + 5);
    wider.set(bytes, 3);
    deepStrictEqual(decode(wider.subarray(3, 3 + bytes.length)), { a: [1.5, "text", new Uint8Array([1])] });
  });

  it("may be used by a getter of the value that it encodes", () => {
    const value = [
      { a: 1 },
      {
        get inner() {
          return decode(encode({ b: [2] }));
        },
      },
      { a: 3 },
    ];
    deepStrictEqual(trip(value), [{ a: 1 }, { inner: { b: [2] } }, { a: 3 }]);
  });

  it("sets no prototype, whatever the keys", () => {
    const back = trip(
      JSON.parse('{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}') as object,
    );
    expect(Object.getPrototypeOf(back)).to.equal(Object.prototype);
    expect(Object.keys(back)).to.deep.equal(["__proto__", "constructor"]);
    expect(({} as { polluted?: boolean }).polluted).to.equal(undefined);
  });
});
