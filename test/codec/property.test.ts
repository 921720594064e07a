import fc from "fast-check";
import { decode, encode, pack, unpack } from "../../lib/codec/codec.js";
import { expectSame } from "./same.js";

const anything = fc.anything({
  maxDepth: 4,
  withBigInt: true,
  withBoxedValues: true,
  withDate: true,
  withMap: true,
  withNullPrototype: true,
  withSet: true,
  withSparseArray: true,
  withTypedArray: true,
  withUnicodeString: true,
});

/** Graphs of a few nodes with random edges: cycles, shared nodes, Maps inside their own keys. */
const graph = fc
  .array(
    fc.record({ kind: fc.constantFrom("object", "bare", "array", "map", "set", "error"), edges: fc.array(fc.nat(7)) }),
    {
      minLength: 1,
      maxLength: 8,
    },
  )
  .map((plan) => {
    const nodes = plan.map(({ kind }) => node(kind));
    for (const [index, { edges }] of plan.entries()) {
      for (const edge of edges) point(nodes[index] as object, nodes[edge % nodes.length] as object);
    }
    return nodes[0];
  });

function node(kind: string): object {
  if (kind === "array") return [];
  if (kind === "map") return new Map();
  if (kind === "set") return new Set();
  if (kind === "error") return new RangeError("a node");
  return kind === "bare" ? (Object.create(null) as object) : {};
}

function point(from: object, to: object): void {
  if (Array.isArray(from)) from.push(to);
  else if (from instanceof Map) from.set(to, from.size === 0 ? to : from);
  else if (from instanceof Set) from.add(to);
  else (from as Record<string, unknown>)[`edge${Object.keys(from).length}`] = to;
}

const strings = fc.array(
  fc.oneof(
    fc.string({ unit: "binary" }),
    fc.string({ unit: fc.nat(0xffff).map((unit) => String.fromCharCode(unit)) }),
    fc.string({ minLength: 50, maxLength: 200 }),
  ),
);

describe("codec, with generated values", () => {
  it("gives back any value", () => {
    fc.assert(
      fc.property(anything, (value) => expectSame(decode(encode(value)), value)),
      { numRuns: 1_500 },
    );
  });

  it("gives back any value packed", () => {
    fc.assert(
      fc.property(fc.array(anything, { maxLength: 30 }), (value) => {
        const packed = pack(value, { resultLimit: 1_000_000 });
        if (packed.tooLarge) throw new Error("too large");
        expectSame(unpack(packed.encoding, packed.bytes, { resultLimit: 1_000_000 }), value);
      }),
      { numRuns: 300 },
    );
  });

  it("gives back any graph with its identities", () => {
    fc.assert(
      fc.property(graph, (value) => expectSame(decode(encode(value)), value)),
      { numRuns: 1_500 },
    );
  });

  it("gives back any strings, whatever their units", () => {
    fc.assert(
      fc.property(strings, (value) => expectSame(decode(encode(value)), value)),
      { numRuns: 1_000 },
    );
  });

  it("gives back any number and any bigint", () => {
    const numbers = fc.array(fc.oneof(fc.double(), fc.integer(), fc.maxSafeInteger(), fc.bigInt()), { maxLength: 50 });
    fc.assert(
      fc.property(numbers, (value) => expectSame(decode(encode(value)), value)),
      { numRuns: 1_000 },
    );
  });

  it("gives back rows of any shapes", () => {
    const keys = fc.constantFrom("id", "name", "at", "0", "__proto__", "a\0b", "ключ", "");
    const rows = fc.array(fc.array(fc.tuple(keys, fc.nat(200))).map((entries) => Object.fromEntries(entries)));
    fc.assert(
      fc.property(rows, (value) => expectSame(decode(encode(value)), value)),
      { numRuns: 500 },
    );
  });
});
