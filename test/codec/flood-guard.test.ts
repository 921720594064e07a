import { expect } from "chai";
import { decode, encode } from "../../lib/codec/codec.js";
import { TAG } from "../../lib/codec/tag.js";
import { DecodeError, EncodeError } from "../../lib/errors.js";

/** Integers that share a bucket of a table with so many buckets, a power of two. */
function hostile(count: number, buckets: number): number[] {
  const found: number[] = [];
  for (let key = 0; found.length < count; key += 1) {
    let hash = (~key + (key << 15)) | 0;
    hash ^= hash >>> 12;
    hash = (hash + (hash << 2)) | 0;
    hash ^= hash >>> 4;
    hash = Math.imul(hash, 2_057);
    if (((hash ^ (hash >>> 16)) & (buckets - 1)) === 7) found.push(key);
  }
  return found;
}

/** Bigints with the same hash: V8 reads only their lowest 64 bits. */
const BIGINTS = Array.from({ length: 1_024 }, (_, index) => (BigInt(index) << 64n) + 5n);
const INTEGERS = hostile(1_024, 512);
const HARMLESS: Readonly<Record<string, (index: number) => unknown>> = {
  integers: (index) => index,
  "powers of two apart": (index) => index * 65_536,
  negatives: (index) => -index * 977,
  timestamps: (index) => 1_700_000_000_000 + index * 1_000,
  fractions: (index) => index / 8,
  "large bigints": (index) => 2n ** 80n + BigInt(index),
  "bigint ids": (index) => BigInt(index) * 2n ** 22n,
  strings: String,
};

/** Forges the bytes of a Set or Map of integers, without making one. */
function forged(tag: number, numbers: readonly number[]): Buffer {
  const body = numbers.flatMap((number) => {
    // The element of an array: a tag and a varint.
    const bytes = [...encode([number]).subarray(2)];
    return tag === TAG.MAP ? [...bytes, TAG.NULL] : bytes;
  });
  const count = numbers.length;
  return Buffer.from([tag, (count & 0x7f) | 0x80, count >>> 7, ...body]);
}

describe("codec: Maps and Sets of numbers that were chosen to collide", () => {
  for (const [name, keys] of Object.entries({ integers: INTEGERS, bigints: BIGINTS })) {
    it(`are refused by the encoder: ${name}`, () => {
      expect(() => encode({ set: new Set<unknown>(keys) })).to.throw(EncodeError, /\$\.set<item \d+>.*an array/);
      const map = new Map<unknown, number>(keys.map((key) => [key, 1]));
      expect(() => encode({ map })).to.throw(EncodeError, /\$\.map<key \d+>/);
      expect(decode(encode(keys))).to.deep.equal(keys);
    });
  }

  it("are refused by the decoder before they enter a table", () => {
    for (const tag of [TAG.SET, TAG.MAP]) {
      expect(() => decode(forged(tag, INTEGERS))).to.throw(DecodeError, /share a hash bucket, which makes it slow/);
    }
  });

  it("slow this Node.js down many times", () => {
    const chosen = hostile(4_096, 2_048);
    const plain = chosen.map((_, index) => index * 977);
    const fill = (keys: readonly number[]): number => {
      const times = Array.from({ length: 5 }, () => {
        const start = performance.now();
        if (new Set(keys).size !== keys.length) throw new Error("they are not distinct");
        return performance.now() - start;
      });
      return Math.min(...times);
    };
    expect(fill(chosen) / fill(plain)).to.be.above(4);
  });

  for (const [name, make] of Object.entries(HARMLESS)) {
    it(`differ from harmless ones, which pass: ${name}`, () => {
      for (const size of [256, 1_000, 65_536, 200_000]) {
        const keys = Array.from({ length: size }, (_, index) => make(index));
        expect((decode(encode(new Set(keys))) as Set<unknown>).size).to.equal(size);
      }
    });
  }

  it("pass if they are few", () => {
    const keys = new Set(INTEGERS.slice(0, 255));
    expect(decode(encode(keys))).to.deep.equal(keys);
  });
});
