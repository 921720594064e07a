import { expect } from "chai";
import fc from "fast-check";
import { jsonProblems } from "../../lib/job/json.js";

/** JSON texts cannot say -0, and PostgreSQL cannot store NUL or half a surrogate pair: all else comes back. */
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
  it("finds none in what JSON gives back unchanged", () => {
    fc.assert(
      fc.property(json, (value) => {
        expect(jsonProblems(value, "args")).to.deep.equal([]);
        expect(JSON.parse(JSON.stringify(value))).to.deep.equal(value);
      }),
    );
  });

  it("finds each thing that JSON would change, wherever it lies", () => {
    const bad = fc.constantFrom<unknown>(1n, Symbol("s"), () => 1, Number.NaN, new Date(0), new Map(), /x/, "\0");
    fc.assert(
      fc.property(json, bad, fc.array(fc.constantFrom("a", 0 as const), { maxLength: 6 }), (good, value, path) => {
        const holder = path.reduceRight<unknown>((held, key) => (key === 0 ? [held, good] : { a: held, good }), value);
        const field = path.map((key) => (key === 0 ? "[0]" : ".a")).join("");
        expect(fieldsOf(holder)).to.deep.equal([`args${field}`]);
      }),
    );
  });

  it("lets a property be undefined, as an optional one is, but no element of an array", () => {
    expect(fieldsOf({ a: undefined, b: [{ c: undefined }] })).to.deep.equal([]);
    expect(fieldsOf({ b: [undefined] })).to.deep.equal(["args.b[0]"]);
  });

  it("lets one object be in two places, but not in itself", () => {
    const shared = { a: 1 };
    expect(fieldsOf([shared, shared])).to.deep.equal([]);
    const cycle: unknown[] = [];
    cycle.push({ cycle });
    expect(fieldsOf(cycle)).to.deep.equal(["args[0].cycle"]);
  });

  it("takes objects without a prototype, and __proto__ as a key like any other", () => {
    expect(fieldsOf(Object.assign(Object.create(null), { a: 1 }))).to.deep.equal([]);
    expect(fieldsOf(JSON.parse('{ "__proto__": { "a": 1 } }'))).to.deep.equal([]);
  });

  it("refuses what says itself what its JSON is", () => {
    expect(fieldsOf({ a: { toJSON: () => 1 } })).to.deep.equal(["args.a"]);
    expect(fieldsOf(Buffer.from("a"))).to.deep.equal(["args"]);
  });

  it("refuses nesting too deep for PostgreSQL rather than run out of stack", () => {
    const nested = (depth: number): unknown => JSON.parse("[".repeat(depth) + "]".repeat(depth));
    expect(fieldsOf(nested(500))).to.deep.equal([]);
    expect(fieldsOf(nested(501))).to.have.length(1);
    let endless: unknown = 1;
    for (let depth = 0; depth < 100_000; depth += 1) endless = [endless];
    expect(fieldsOf(endless)).to.have.length(1);
  });

  it("lists the first ten, and then looks no further", () => {
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
