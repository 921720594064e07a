import { randomBytes } from "node:crypto";
import { deflateRawSync } from "node:zlib";
import { expect } from "chai";
import { decode, encode, type Packed, pack, unpack } from "../../lib/codec/codec.js";
import { inflatedLimit, MAX_DEPTH, MAX_RESULT_LIMIT } from "../../lib/codec/limits.js";
import { TAG } from "../../lib/codec/tag.js";
import { DecodeError, EncodeError } from "../../lib/errors.js";

const MIB = 1_048_576;

function nested(depth: number): unknown {
  let value: unknown = "deep";
  for (let level = 0; level < depth; level++) value = level % 2 === 0 ? [value] : { a: value };
  return value;
}

function packed(value: unknown, resultLimit?: number): Packed {
  const result = pack(value, { resultLimit });
  if (result.tooLarge) return expect.fail(`too large: ${result.size}`);
  return result;
}

/** An incompressible value that takes `size` bytes stored. */
function incompressible(size: number): Buffer {
  const overhead = encode(Buffer.alloc(size)).length - size;
  return randomBytes(size - overhead);
}

describe("the limit on a result's size", () => {
  it("passes 8,192 stored bytes and no more", () => {
    const exact = packed(incompressible(8_192));
    expect(exact).to.include({ encoding: "b" });
    expect(exact.bytes.length).to.equal(8_192);
    expect(unpack(exact.encoding, exact.bytes)).to.be.instanceOf(Buffer);
    expect(pack(incompressible(8_193))).to.deep.equal({ tooLarge: true, size: 8_193 });
  });

  it("counts compressed bytes where compression helps", () => {
    let text = randomBytes(6_400).toString("base64");
    while (packed(text).bytes.length < 8_192) {
      text += randomBytes(1).toString("hex").slice(1);
      if (pack(text).tooLarge) break;
    }
    const before = packed(text.slice(0, -1));
    expect(before.encoding).to.equal("z");
    expect(before.bytes.length).to.be.within(8_000, 8_192);
    const size = before.bytes.length;
    expect(packed(text.slice(0, -1), size).bytes.length).to.equal(size);
    expect(pack(text.slice(0, -1), { resultLimit: size - 1 }).tooLarge).to.equal(true);
  });

  it("can be raised and lowered", () => {
    const value = randomBytes(1_000_000);
    expect(pack(value).tooLarge).to.equal(true);
    const { encoding, bytes } = packed(value, 2_000_000);
    expect((unpack(encoding, bytes, { resultLimit: 2_000_000 }) as Buffer).equals(value)).to.equal(true);
    expect(pack("12345678", { resultLimit: 8 }).tooLarge).to.equal(true);
    expect(packed("1234567", 8).bytes.length).to.equal(8);
  });

  it("compresses from 1,025 bytes on, and only when that makes it smaller", () => {
    const text = (length: number): string => "x".repeat(length - encode("x".repeat(length - 3)).length + length - 3);
    expect(packed(text(1_024)).encoding).to.equal("b");
    expect(packed(text(1_025)).encoding).to.equal("z");
    expect(packed(randomBytes(2_000)).encoding).to.equal("b");
  });

  it("holds before compression too, at 16 MiB or four times the limit", () => {
    expect(inflatedLimit(8_192)).to.equal(16 * MIB);
    expect(inflatedLimit(8 * MIB)).to.equal(32 * MIB);
    const size = (text: string): number => encode(text).length;
    const text = "x".repeat(16 * MIB - (size("x".repeat(1_000_000)) - 1_000_000) - 1);
    expect(size(text)).to.equal(16 * MIB);
    const { encoding, bytes } = packed(text, MIB);
    expect(unpack(encoding, bytes, { resultLimit: MIB })).to.equal(text);
    expect(pack(`${text}x`, { resultLimit: MIB })).to.deep.equal({ tooLarge: true, size: 16 * MIB + 1 });
    expect(() => encode(`${text}x`)).to.throw(EncodeError, "more than 16777216 bytes");
  });

  it("is the highest limit for awaiters that set none", () => {
    const value = incompressible(1_000_000);
    const { encoding, bytes } = packed(value, 1_000_000);
    expect((unpack(encoding, bytes) as Buffer).equals(value)).to.equal(true);
    expect(() => unpack(encoding, bytes, { resultLimit: 999_999 })).to.throw(DecodeError, "1000000 stored bytes");
    const beyond = Buffer.alloc(MAX_RESULT_LIMIT + 1);
    for (const how of ["b", "z"]) expect(() => unpack(how, beyond)).to.throw(DecodeError, "more than 67108864");
  });

  it("does not try to compress noise that fits, and still compresses what does not fit otherwise", () => {
    const noise = randomBytes(300_000);
    expect(packed(noise, 400_000).encoding).to.equal("b");
    const text = noise.toString("hex");
    expect(packed(text, 1_000_000).encoding).to.equal("z");
    expect(packed(text, 400_000).encoding).to.equal("z");
    // Noise where samples are taken, but compressible between them.
    const mixed = Buffer.concat([randomBytes(10_000), Buffer.alloc(26_000), randomBytes(264_000)]);
    expect(packed(mixed, 400_000).encoding).to.equal("b");
    const { encoding, bytes } = packed(mixed, 280_000);
    expect(encoding).to.equal("z");
    expect((unpack(encoding, bytes) as Buffer).equals(mixed)).to.equal(true);
  });

  it("counts the bytes after the best compression, also of large results", () => {
    const rows = Array.from({ length: 20_000 }, (_, id) => ({ id, name: `user ${id ** 2 % 7_919}` }));
    expect(encode(rows).length).to.be.greaterThan(300_000);
    const close = deflateRawSync(encode(rows), { level: 6 }).length;
    expect(packed(rows, 1_000_000).bytes.length).to.be.greaterThan(close);
    expect(packed(rows, close).bytes.length).to.equal(close);
    expect(pack(rows, { resultLimit: close - 1 }).tooLarge).to.equal(true);
  });

  it("weighs containers the same whatever the limit on bytes", () => {
    const maps = Array.from({ length: 900_000 }, () => new Map());
    expect(() => pack(maps, { resultLimit: MAX_RESULT_LIMIT })).to.throw(EncodeError, "too many objects");
  });

  it("gives up on an endless value as soon as it is too large", () => {
    const endless = {
      get rows(): unknown {
        return Array.from({ length: 1_000 }, () => ({ text: "x".repeat(100_000), more: endless }));
      },
    };
    expect(pack(endless).tooLarge).to.equal(true);
  });

  it("refuses to inflate a bomb", () => {
    const bomb = deflateRawSync(Buffer.alloc(17 * MIB));
    expect(bomb.length).to.be.below(20_000);
    expect(() => unpack("z", bomb, { resultLimit: MIB })).to.throw(DecodeError, "does not inflate");
    expect(() => decode(Buffer.alloc(17 * MIB))).to.throw(DecodeError, "more than 16777216");
  });
});

describe("stored bytes are refused", () => {
  const value = { text: "some text ".repeat(500) };

  it("when anything follows the compressed ones", () => {
    const { bytes } = packed(value);
    expect(() => unpack("z", Buffer.concat([bytes, Buffer.from([0])]))).to.throw(DecodeError, "follow");
  });

  it("when some are missing", () => {
    const { bytes } = packed(value);
    for (let length = 0; length < bytes.length; length++) {
      expect(() => unpack("z", bytes.subarray(0, length))).to.throw(DecodeError);
    }
  });

  it("when anything follows the value", () => {
    expect(() => unpack("b", Buffer.concat([encode(value), Buffer.from([0])]))).to.throw(DecodeError, "left over");
  });

  it("in an unknown encoding", () => {
    expect(() => unpack("q", encode(1))).to.throw(DecodeError, 'unknown encoding "q"');
  });

  it("with an unknown tag", () => {
    expect(() => decode(Buffer.from([0x3f]))).to.throw(DecodeError, "unknown tag 63");
    expect(() => decode(Buffer.from([TAG.HOLES, 1]))).to.throw(DecodeError, "unknown tag");
  });

  const malformed: readonly (readonly [name: string, bytes: number[]])[] = [
    ["none at all", []],
    ["a string longer than the bytes", [TAG.LATIN1, 0xff, 0xff, 0xff, 0x7f]],
    ["a length of six bytes", [TAG.LATIN1, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]],
    ["a buffer longer than the bytes", [TAG.BUFFER, 0xff, 0xff, 0xff, 0xff, 0x0f]],
    ["a Map longer than the bytes", [TAG.MAP, 0xff, 0xff, 0xff, 0x7f, 0x80, 0x80]],
    ["a Set longer than the bytes", [TAG.SET, 0x7f, 0x80]],
    ["an array longer than the bytes", [TAG.ARRAY, 0xff, 0xff, 0xff, 0x7f, 0x80]],
    ["more keys than bytes", [TAG.OBJECT, 0, 0xff, 0x7f]],
    ["a key that is no string", [TAG.OBJECT, 0, 1, 0x80, 0x80]],
    ["a reference to nothing", [TAG.REF, 0]],
    ["a reference forward", [TAG.ARRAY, 2, TAG.REF, 1, TAG.ARRAY, 0]],
    ["a reference to a box that is being read", [TAG.BOXED, TAG.REF, 0]],
    ["a shape that is not there", [TAG.OBJECT, 5]],
    ["a box of null", [TAG.BOXED, TAG.NULL]],
    ["a box of an object", [TAG.BOXED, TAG.ARRAY, 0]],
    ["a RegExp that does not parse", [TAG.REGEXP, TAG.SHORT | 1, 0x28, TAG.SHORT]],
    ["a RegExp with wrong flags", [TAG.REGEXP, TAG.SHORT | 1, 0x61, TAG.SHORT | 1, 0x71]],
    ["a URL that does not parse", [TAG.URL, TAG.SHORT | 1, 0x61]],
    ["a view of an unknown kind", [TAG.VIEW, 0x77, 0, 0, TAG.BUFFER, 0]],
    ["a view of no buffer", [TAG.VIEW, 3, 0, 0, TAG.ARRAY, 0]],
    ["a view of itself", [TAG.VIEW, 3, 0, 0, TAG.REF, 0]],
    ["a view beyond its buffer", [TAG.VIEW, 3, 1, 2, TAG.BUFFER, 2, 0, 0]],
    ["a view that is not aligned", [TAG.VIEW, 5, 1, 1, TAG.BUFFER, 4, 0, 0, 0, 0]],
    ["more holes than places", [TAG.ARRAY, 2, TAG.HOLES, 3]],
    ["a run of no holes", [TAG.ARRAY, 2, TAG.HOLES, 0]],
    ["half a float", [TAG.FLOAT, 0, 0, 0]],
    ["half an error", [TAG.ERROR, 0x10]],
  ];
  for (const [name, bytes] of malformed) {
    it(`with ${name}`, () => {
      expect(() => decode(Uint8Array.from(bytes))).to.throw(DecodeError);
    });
  }
});

describe("the limits on what a value is made of", () => {
  it("let 128 levels pass, and no more", () => {
    expect(decode(encode(nested(MAX_DEPTH)))).to.deep.equal(nested(MAX_DEPTH));
    expect(() => encode(nested(MAX_DEPTH + 1)))
      .to.throw(EncodeError, "more than 128 levels deep")
      .with.property("path")
      .that.has.length.above(128);
    const bytes = Buffer.concat([
      Buffer.from(Array.from({ length: MAX_DEPTH + 1 }, () => [TAG.ARRAY, 1]).flat()),
      Buffer.from([TAG.NULL]),
    ]);
    expect(() => decode(bytes)).to.throw(DecodeError, "128 levels");
    expect(decode(bytes.subarray(2))).to.be.an("array");
  });

  it("refuse a value of a million levels at once", () => {
    expect(() => encode(nested(1_000_000))).to.throw(EncodeError, "128 levels");
  });

  it("count the causes of an error as levels", () => {
    let error = new Error("0");
    for (let level = 1; level < 200; level++) error = new Error(String(level), { cause: error });
    expect(() => encode(error)).to.throw(EncodeError, "128 levels");
  });

  it("refuse a bigint of more than 8 KB", () => {
    for (const beyond of [2n ** 65_536n, -(2n ** 65_536n)])
      expect(() => encode(beyond)).to.throw(EncodeError, "8192 bytes");
    expect(() => decode(Buffer.from([TAG.BIGINT, 0x81, 0x40, ...Buffer.alloc(8_193, 1)]))).to.throw(
      DecodeError,
      "8192 bytes",
    );
  });

  it("refuse a RegExp of more than 1,024 characters", () => {
    expect((decode(encode(new RegExp("a".repeat(1_024)))) as RegExp).source.length).to.equal(1_024);
    expect(() => encode(new RegExp("a".repeat(1_025)))).to.throw(EncodeError, "1024 characters");
    const source = encode("a".repeat(1_025));
    expect(() => decode(Buffer.concat([Buffer.from([TAG.REGEXP]), source, encode("")]))).to.throw(
      DecodeError,
      "more than 1024 characters",
    );
  });

  it("refuse an array that is nearly all holes, at once", () => {
    for (const length of [5_000_000, 2 ** 32 - 1]) {
      expect(() => encode([Object.assign([], { length })]))
        .to.throw(EncodeError, "holes")
        .with.property("path", "$[0][0]");
    }
    expect(() => decode(Buffer.from([TAG.ARRAY, 0xff, 0xff, 0xff, 0x7f, TAG.HOLES, 0xff, 0xff, 0xff, 0x7f]))).to.throw(
      DecodeError,
      "holes",
    );
    expect(decode(encode(Object.assign([], { length: 1_000_000 })))).to.have.length(1_000_000);
  });

  it("let a million small rows pass", () => {
    const rows = Array.from({ length: 1_000_000 }, (_, id) => ({ id, ok: true, n: "abc" }));
    const back = decode(encode(rows)) as typeof rows;
    expect(back.length).to.equal(1_000_000);
    expect(back[999_999]).to.deep.equal({ id: 999_999, ok: true, n: "abc" });
  });

  it("refuse bytes and values that would take far more memory than their bytes", () => {
    const limit = 2_000;
    for (const tag of [TAG.MAP, TAG.SET, TAG.BUFFER]) {
      const bytes = Buffer.from([TAG.ARRAY, 0xe0, 0x07, ...Array.from({ length: 992 }, () => [tag, 0]).flat()]);
      expect(() => decode(bytes, { limit })).to.throw(DecodeError, "too many");
      expect(decode(bytes)).to.have.length(992);
    }
    expect(() =>
      encode(
        Array.from({ length: 900 }, () => new Map()),
        { limit },
      ),
    ).to.throw(EncodeError, "too many");
  });

  it("are the same on both sides: what was encoded within a limit is decoded within it", () => {
    const kinds = [
      () => ({}),
      () => [],
      () => new Map(),
      () => new Set(),
      () => new Uint8Array(1),
      () => /x/,
      () => new URL("a:b"),
      () => new Error("e"),
    ];
    for (const make of kinds) {
      for (let length = 1; length < 3_000; length = Math.ceil(length * 1.3)) {
        const value = Array.from({ length }, make);
        let bytes: Buffer;
        try {
          bytes = encode(value, { limit: 10_000 });
        } catch (error) {
          expect(error).to.be.instanceOf(EncodeError);
          break;
        }
        expect(decode(bytes, { limit: 10_000 })).to.have.length(length);
      }
    }
  });
});
