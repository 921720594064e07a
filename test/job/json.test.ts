import { expect } from "chai";
import fc from "fast-check";
import { jsonProblems } from "../../lib/job/json.js";

/** JSON except -0, NUL and half a surrogate pair, which do not survive JSON or PostgreSQL. */
const text = fc.string({ unit: "grapheme" }).map((value) => value.replaceAll("\0", ""));
const json = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.constant(null),
    fc.boolean(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => number + 0 || 0),
    text,
    fc.array(tie("value")),
    fc.dictionary(text, tie("value")),
  ),
})).value;

function fieldsOf(value: unknown): string[] {
  return jsonProblems(value, "args").map(({ field }) => field);
}

describe("jsonProblems", () => {
  it("finds none in values that survive JSON", () => {
    fc.assert(
      fc.property(json, (value) => {
        expect(jsonProblems(value, "args")).to.deep.equal([]);
        expect(JSON.parse(JSON.stringify(value))).to.deep.equal(value);
      }),
    );
  });

  it("finds every part that JSON would change, at any depth", () => {
    const bad = fc.constantFrom<unknown>(1n, Symbol("s"), () => 1, Number.NaN, new Date(0), new Map(), /x/, "\0");
    fc.assert(
      fc.property(json, bad, fc.array(fc.constantFrom("a", 0 as const), { maxLength: 6 }), (good, value, path) => {
        const holder = path.reduceRight<unknown>((held, key) => (key === 0 ? [held, good] : { a: held, good }), value);
        const field = path.map((key) => (key === 0 ? "[0]" : ".a")).join("");
        expect(fieldsOf(holder)).to.deep.equal([`args${field}`]);
      }),
    );
  });

  it("allows undefined properties, but no undefined elements of arrays", () => {
    expect(fieldsOf({ a: undefined, b: [{ c: undefined }] })).to.deep.equal([]);
    expect(fieldsOf({ b: [undefined] })).to.deep.equal(["args.b[0]"]);
  });

  it("allows an object in two places, but not inside itself", () => {
    const shared = { a: 1 };
    expect(fieldsOf([shared, shared])).to.deep.equal([]);
    const cycle: unknown[] = [];
    cycle.push({ cycle });
    expect(fieldsOf(cycle)).to.deep.equal(["args[0].cycle"]);
  });

  it("accepts objects without a prototype, and __proto__ as an ordinary key", () => {
    expect(fieldsOf(Object.assign(Object.create(null), { a: 1 }))).to.deep.equal([]);
    expect(fieldsOf(JSON.parse('{ "__proto__": { "a": 1 } }'))).to.deep.equal([]);
  });

  it("rejects objects with a toJSON method", () => {
    expect(fieldsOf({ a: { toJSON: () => 1 } })).to.deep.equal(["args.a"]);
    expect(fieldsOf(Buffer.from("a"))).to.deep.equal(["args"]);
  });

  it("rejects nesting too deep for PostgreSQL, without a stack overflow", () => {
    const nested = (depth: number): unknown => JSON.parse("[".repeat(depth) + "]".repeat(depth));
    expect(fieldsOf(nested(500))).to.deep.equal([]);
    expect(fieldsOf(nested(501))).to.have.length(1);
    let endless: unknown = 1;
    for (let depth = 0; depth < 100_000; depth += 1) endless = [endless];
    expect(fieldsOf(endless)).to.have.length(1);
  });

  it("stops after the first ten", () => {
    let looks = 0;
    const endless = new Proxy([], {
      get: (target, key) => {
        if (key === "length") return 1_000;
        if (typeof key === "string") looks += 1;
        return Reflect.get(target, key) as unknown;
      },
    });
    expect(fieldsOf(endless)).to.have.length(10);
    expect(looks).to.be.lessThan(20);
  });
});
