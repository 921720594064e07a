import { deflateRawSync } from "node:zlib";
import { expect } from "chai";
import { decode, encode, unpack } from "../../lib/codec/codec.js";
import { DecodeError } from "../../lib/errors.js";
import { SAMPLES } from "./samples.js";

/** Pseudorandom numbers, the same in each run, so that failures can be reproduced. */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const seeds = [
  ...SAMPLES.map(([, value]) => encode(value)),
  encode(SAMPLES.slice(0, 40).map(([, value]) => value)),
  encode(new AggregateError([new RangeError("a", { cause: { b: 1 } })], "both")),
  encode({
    a: new Uint16Array(new ArrayBuffer(8), 2, 2),
    m: new Map([[{}, new Set([1])]]),
    e: new DOMException("a", "b"),
  }),
].filter((bytes) => bytes.length > 0 && bytes.length < 4_096);

function endsInValueOrDecodeError(read: () => unknown): boolean {
  try {
    read();
    return true;
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    return false;
  }
}

function mutate(bytes: Buffer, random: (below: number) => number): Buffer {
  const copy = Buffer.from(bytes);
  for (let times = random(4) + 1; times > 0; times--) {
    const at = random(copy.length);
    const way = random(4);
    if (way === 0) copy[at] = random(256);
    else if (way === 1) copy[at] = (copy[at] ?? 0) ^ (1 << random(8));
    else if (way === 2) copy.copyWithin(at, random(copy.length));
    else copy[at] = [0, 0x7f, 0x80, 0xff][random(4)] as number;
  }
  return random(5) === 0 ? copy.subarray(0, random(copy.length)) : copy;
}

describe("decode returns a value or throws a DecodeError", () => {
  it("with mutations of valid bytes", () => {
    const random = generator(1);
    let values = 0;
    const runs = 12_000;
    for (let run = 0; run < runs; run++) {
      const bytes = mutate(seeds[random(seeds.length)] as Buffer, random);
      if (endsInValueOrDecodeError(() => decode(bytes))) values++;
    }
    // Both must happen often, or the mutations would test nothing.
    expect(values).to.be.within(runs / 20, (runs * 19) / 20);
  });

  it("with random bytes", () => {
    const random = generator(2);
    for (let run = 0; run < 12_000; run++) {
      const bytes = Buffer.from(Array.from({ length: random(40) }, () => random(random(2) === 0 ? 0x20 : 256)));
      endsInValueOrDecodeError(() => decode(bytes));
    }
  });

  it("and every such value can be encoded again", () => {
    const random = generator(3);
    for (let run = 0; run < 4_000; run++) {
      const bytes = mutate(seeds[random(seeds.length)] as Buffer, random);
      let value: unknown;
      if (!endsInValueOrDecodeError(() => (value = decode(bytes)))) continue;
      decode(encode(value));
    }
  });

  it("with mutated compressed bytes, and with mutations that are compressed", () => {
    const random = generator(4);
    for (let run = 0; run < 1_500; run++) {
      const seed = seeds[random(seeds.length)] as Buffer;
      const inside = deflateRawSync(mutate(seed, random));
      endsInValueOrDecodeError(() => unpack("z", inside));
      const outside = mutate(deflateRawSync(seed), random);
      endsInValueOrDecodeError(() => unpack("z", outside));
    }
  });

  it("with every prefix of valid bytes", () => {
    for (const bytes of seeds) {
      for (let length = 0; length < bytes.length; length += Math.max(1, bytes.length >> 6)) {
        expect(endsInValueOrDecodeError(() => decode(bytes.subarray(0, length)))).to.equal(false);
      }
    }
  });
});
