import { expect } from "chai";
import fc from "fast-check";
import { Pace } from "../../lib/batch/pace.js";

const LIMIT = 100;
/** Any time that a process reaches in a year, in ms. */
const time = fc.double({ min: 100, max: 3.2e10, noNaN: true });
const size = fc.integer({ min: 1, max: LIMIT });

describe("the pace of batches", () => {
  it("sends an urgent item at once, before any batch and after a small one", () => {
    const pace = new Pace(LIMIT);
    expect(pace.due(1, 1, 1_000)).to.be.at.most(1_000);
    pace.returned(3, 1_000, 1_020);
    expect(pace.due(1, 1, 1_020)).to.be.at.most(1_020);
  });

  it("gathers after a batch of four for as long as that took, up to 5 ms", () => {
    const pace = new Pace(LIMIT);
    pace.returned(4, 1_000, 1_002);
    expect(pace.due(1, 1, 1_002)).to.equal(1_004);
    pace.returned(4, 1_000, 1_800);
    expect(pace.due(1, 1, 1_800)).to.equal(1_805);
  });

  it("stops gathering once three times as many wait as left in the last batch", () => {
    const pace = new Pace(LIMIT);
    pace.returned(4, 1_000, 1_002);
    expect(pace.due(11, 11, 1_002)).to.equal(1_004);
    expect(pace.due(12, 12, 1_002)).to.be.at.most(1_002);
  });

  it("lets items that are not urgent wait for 40 ms, and for no longer than until one is", () => {
    const pace = new Pace(LIMIT);
    expect(pace.due(2, 0, 1_000)).to.equal(1_040);
    expect(pace.due(3, 1, 1_000)).to.be.at.most(1_000);
  });

  it("does not gather on after it was stopped, until the next batch shows load", () => {
    const pace = new Pace(LIMIT);
    pace.returned(4, 1_000, 1_004);
    pace.stopGathering();
    expect(pace.due(1, 1, 1_005)).to.be.at.most(1_005);
    pace.returned(4, 1_005, 1_007);
    expect(pace.due(1, 1, 1_007)).to.equal(1_009);
  });

  it("holds no full batch, no urgent item for over 5 ms, and no other for over 40", () => {
    fc.assert(
      fc.property(size, time, fc.double({ min: 0, max: 60_000, noNaN: true }), size, fc.nat(LIMIT), (...drawn) => {
        const [last, sentAt, took, waiting, urgent] = drawn;
        const now = sentAt + took;
        const pace = new Pace(LIMIT);
        pace.returned(last, sentAt, now);
        const wait = pace.due(waiting, Math.min(urgent, waiting), now) - now;
        expect(wait).to.be.at.most(urgent > 0 ? Math.min(5, took) + 0.001 : 40.001);
        if (waiting === LIMIT) expect(wait).to.be.below(0);
      }),
    );
  });

  it("never waits longer with more items in the queue, nor with more of them urgent", () => {
    fc.assert(
      fc.property(size, time, size, size, fc.nat(LIMIT), (last, now, fewer, more, urgent) => {
        const pace = new Pace(LIMIT);
        pace.returned(last, now - 2, now);
        const [small, large] = [Math.min(fewer, more), Math.max(fewer, more)];
        expect(pace.due(large, Math.min(urgent, small), now)).to.be.at.most(
          pace.due(small, Math.min(urgent, small), now),
        );
        expect(pace.due(large, large, now)).to.be.at.most(pace.due(large, 0, now));
      }),
    );
  });
});
