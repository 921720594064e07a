import { expect } from "chai";
import { median, percentile, ratios, summarize } from "../../bench/support/stats.js";

describe("the bench's statistics", () => {
  it("takes a percentile by nearest rank, whatever the order of the samples", () => {
    const hundred = Array.from({ length: 100 }, (_, at) => 100 - at);
    expect(percentile(hundred, 50)).to.equal(50);
    expect(percentile(hundred, 99)).to.equal(99);
    expect(percentile(hundred, 100)).to.equal(100);
    expect(percentile(hundred, 0)).to.equal(1);
  });

  it("takes the percentile of few samples among them", () => {
    expect(percentile([7], 99)).to.equal(7);
    expect(percentile([2, 1, 3], 99)).to.equal(3);
  });

  it("leaves the samples as they were", () => {
    const samples = [3, 1, 2];
    percentile(samples, 50);
    median(samples);
    expect(samples).to.deep.equal([3, 1, 2]);
  });

  it("takes the middle one as median, of an even number the mean of the middle two", () => {
    expect(median([10, 9, 2])).to.equal(9);
    expect(median([1, 10, 2, 4])).to.equal(3);
  });

  it("knows no figure of nothing", () => {
    expect(median([])).to.satisfy(Number.isNaN);
    expect(percentile([], 99)).to.satisfy(Number.isNaN);
  });

  it("sums rounds up as median and extremes", () => {
    expect(summarize([5, 1, 2])).to.deep.equal({ median: 2, min: 1, max: 5 });
  });

  it("compares round with round", () => {
    expect(ratios([2, 9], [1, 3])).to.deep.equal([2, 3]);
  });
});
