import { expect } from "chai";
import { decode, encode } from "../../lib/codec/codec.js";

function trip<T>(value: T): T {
  return decode(encode(value)) as T;
}

describe("codec: views", () => {
  describe("that have bytes in common share them", () => {
    it("at their offsets", () => {
      const buffer = new ArrayBuffer(16);
      const back = trip({
        a: new Uint8Array(buffer, 0, 8),
        b: new Uint16Array(buffer, 4, 4),
        c: new DataView(buffer, 8),
      });
      back.a[4] = 1;
      back.a[5] = 1;
      expect(back.b[0]).to.equal(257);
      expect(back.a.buffer).to.equal(back.b.buffer);
      expect(back.c.buffer).to.equal(back.b.buffer);
      expect([back.a.byteOffset, back.b.byteOffset, back.c.byteOffset]).to.deep.equal([0, 4, 8]);
      expect(back.a.buffer.byteLength).to.equal(16);
    });

    it("and with that buffer, before or after them", () => {
      const buffer = new ArrayBuffer(16);
      const back = trip([new Uint8Array(buffer, 1), buffer, new Uint8Array(buffer, 2)] as const);
      expect(back[0].buffer).to.equal(back[1]);
      expect(back[2].buffer).to.equal(back[1]);
    });

    it("a part of a Buffer with the Buffer, before or after it", () => {
      const whole = Buffer.alloc(16);
      const [before, first, part] = trip([whole.subarray(6, 10), whole, whole.subarray(4, 8)] as const);
      first[6] = 9;
      expect([before[0], part[2]]).to.deep.equal([9, 9]);
      expect(before.buffer).to.equal(first.buffer);
      expect(Buffer.isBuffer(part)).to.equal(true);
    });

    it("wherever they lie, in elements of any size", () => {
      const buffer = new ArrayBuffer(64);
      const [bytes, words, floats] = trip([
        new Uint8Array(buffer, 13, 6),
        new Uint32Array(buffer, 16, 2),
        new Float64Array(buffer, 16, 1),
      ] as const);
      floats[0] = 1.5;
      expect([...words]).to.deep.equal([0, 0x3ff80000]);
      bytes[3] = 7;
      expect(words[0]).to.equal(7);
    });

    it("also where there are thousands, in any order", () => {
      const buffer = new Uint8Array(40_000).map((_, index) => index % 251);
      const parts = Array.from({ length: 9_999 }, (_, index) =>
        buffer.subarray(((index * 7) % 9_999) * 4, ((index * 7) % 9_999) * 4 + 5),
      );
      const back = trip(parts);
      expect(back.every((part, index) => Buffer.from(part).equals(parts[index] as Uint8Array))).to.equal(true);
      expect(new Set(back.map((part) => part.buffer)).size).to.equal(1);
      expect(encode(parts).length).to.be.below(40_000 + 10 * parts.length);
    });
  });

  describe("that have none in common are parted, and nothing around them is sent", () => {
    const SECRET = "a secret of somebody else";

    it("of the pool that a small Buffer was cut from, whatever its size", () => {
      const secret = Buffer.from(SECRET);
      const neighbour = Buffer.from("neighbour");
      expect(neighbour.buffer).to.equal(secret.buffer);
      for (const value of [neighbour, new Uint8Array(neighbour.buffer, neighbour.byteOffset, 9)]) {
        const bytes = encode(value);
        expect(bytes.length).to.be.below(20);
        expect((decode(bytes) as Uint8Array).buffer.byteLength).to.equal(9);
      }
    });

    it("of the pool where a result has several parts of it", () => {
      const first = Buffer.from("first");
      const secret = Buffer.from(SECRET);
      const second = Buffer.from("second");
      expect(first.buffer).to.equal(second.buffer);
      // Overlapping views are written together, from an unaligned start.
      const value = [first, second, first.subarray(1), new Uint8Array(second.buffer, second.byteOffset + 1, 3)];
      const bytes = encode(value);
      expect(bytes.includes(secret)).to.equal(false);
      expect(bytes.length).to.be.below(60);
      expect((decode(bytes) as Uint8Array[]).map(String)).to.deep.equal(value.map(String));
    });

    it("of the rest of a large buffer", () => {
      const memory = new ArrayBuffer(16 * 1_048_576);
      const bytes = encode({
        a: new Float32Array(memory, 4_096, 4),
        b: new Float32Array(memory, 8_192, 4),
        none: new Uint8Array(memory, 5, 0),
      });
      expect(bytes.length).to.be.below(100);
    });
  });

  it("count once against the limit, however often their bytes are shown", () => {
    const whole = new Uint8Array(1_000_000);
    const parts = [whole.subarray(1), whole.subarray(2), whole, whole.buffer];
    expect(encode(parts, { limit: 1_000_100 }).length).to.be.below(1_000_100);
  });

  it("run no getter more than twice", () => {
    let read = 0;
    const whole = new Uint8Array(16);
    encode([
      whole.subarray(1),
      {
        get a() {
          read++;
          return whole.subarray(2);
        },
      },
    ]);
    expect(read).to.equal(2);
  });
});
