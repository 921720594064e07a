import { expect } from "chai";
import { percentile, summarize } from "../../bench/support/stats.js";

describe("the bench's statistics", () => {
  it("leaves the samples as they were", () => {
    const samples = [3, 1, 2];
    expect(percentile(samples, 50)).to.equal(2);
    expect(samples).to.deep.equal([3, 1, 2]);
  });

  it("returns NaN without samples", () => {
    expect(percentile([], 99)).to.satisfy(Number.isNaN);
    expect(summarize([]).median).to.satisfy(Number.isNaN);
  });

  it("sums rounds up as median and extremes", () => {
    expect(summarize([5, 1, 2])).to.deep.equal({ median: 2, min: 1, max: 5 });
    expect(summarize([1, 10, 2, 4]).median).to.equal(3);
  });
});
