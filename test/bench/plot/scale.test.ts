import { expect } from "chai";
import fc from "fast-check";
import { domainOf, type ScaleKind, scaleOf } from "../../../bench/support/plot/scale.js";

const kinds = fc.constantFrom<ScaleKind>("linear", "log");
const values = fc.array(fc.double({ min: 1e-6, max: 1e9, noNaN: true }), { minLength: 1, maxLength: 20 });

describe("an axis' scale", () => {
  it("places every value between its ends, the larger never before the smaller", () => {
    fc.assert(
      fc.property(kinds, values, (kind, some) => {
        const scale = scaleOf(kind, domainOf(kind, some), 100, 700);
        const places = some.toSorted((a, b) => a - b).map((value) => scale.place(value));
        for (const place of places) expect(place).to.be.within(99.999, 700.001);
        expect(places).to.deep.equal(places.toSorted((a, b) => a - b));
      }),
    );
  });

  it("has few ticks, ascending and within", () => {
    fc.assert(
      fc.property(kinds, values, (kind, some) => {
        const domain = domainOf(kind, some);
        const { ticks } = scaleOf(kind, domain, 0, 1);
        expect(ticks.length).to.be.at.most(18);
        expect(ticks).to.deep.equal(ticks.toSorted((a, b) => a - b));
        for (const tick of ticks) expect(tick).to.be.within(domain.min * 0.999_999, domain.max * 1.000_001);
      }),
    );
  });

  it("takes round numbers for ticks", () => {
    expect(scaleOf("linear", { min: 0, max: 7_300 }, 0, 1).ticks).to.deep.equal([0, 2_000, 4_000, 6_000]);
    expect(scaleOf("log", { min: 0.9, max: 60 }, 0, 1).ticks).to.deep.equal([1, 2, 5, 10, 20, 50]);
  });

  it("knows where nothing is, and where all is one", () => {
    expect(domainOf("linear", [])).to.deep.equal({ min: 1, max: 10 });
    expect(domainOf("linear", [Number.NaN, 3])).to.deep.equal({ min: 2, max: 4 });
    expect(domainOf("log", [-1, 0, 4])).to.deep.equal({ min: 2, max: 8 });
  });
});
