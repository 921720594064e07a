import { expect } from "chai";
import fc from "fast-check";
import { blend, demandFor, prefetch } from "../../lib/runner/demand.js";

describe("demand", () => {
  it("holds nothing ahead before it knows how long claims and jobs take", () => {
    expect(prefetch(4, null, 1)).to.equal(0);
    expect(prefetch(4, 1, null)).to.equal(0);
  });

  it("holds nothing ahead of long jobs: others may be free to run what would wait here", () => {
    expect(prefetch(4, 1, 1_000)).to.equal(0);
  });

  it("holds nothing ahead of jobs that would be released before they started, however slow a claim is", () => {
    expect(prefetch(4, 300, 501)).to.equal(0);
  });

  it("holds enough ahead to outlast two claims, and one more, for each thread", () => {
    expect(prefetch(2, 40, 10)).to.equal(2 * 9);
    expect(prefetch(2, 100, 10)).to.equal(2 * 21);
  });

  it("holds only what starts in time, within 100 ms or two claims, but one for each thread", () => {
    expect(prefetch(2, 10, 60)).to.equal(2 * 1);
    expect(prefetch(2, 10, 200)).to.equal(2 * 1);
    expect(prefetch(2, 100, 200)).to.equal(2 * 2);
  });

  it("holds 50 ms of work ahead, so that claims are not many", () => {
    expect(prefetch(2, 2, 10)).to.equal(2 * 5);
    expect(prefetch(1, 1, 1)).to.equal(50);
  });

  it("never holds more than 64 ahead for a thread, whatever the times are", () => {
    const times = fc.double({ min: 0, max: 1e6, noNaN: true });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 64 }), times, times, (threads, roundTrip, jobTime) => {
        const held = prefetch(threads, roundTrip, jobTime);
        expect(held).to.be.within(0, threads * 64);
        expect(Number.isInteger(held)).to.equal(true);
      }),
    );
  });

  it("holds two batches ahead for a thread where these are larger", () => {
    expect(prefetch(2, 1, 0.01, 100)).to.equal(2 * 200);
    expect(prefetch(2, 1, 0.01, 10)).to.equal(2 * 64);
  });

  it("asks for what free threads and the backlog have room for, once half of what was held ahead is gone", () => {
    const sizes = fc.nat(100);
    fc.assert(
      fc.property(sizes, sizes, sizes, (room, ahead, waiting) => {
        const demand = demandFor(room, ahead, waiting);
        if (waiting > ahead / 2) expect(demand).to.equal(0);
        else expect(waiting + demand).to.equal(room + ahead);
      }),
    );
  });

  it("asks for as many jobs as there are free threads where nothing is held ahead", () => {
    expect(demandFor(3, 0, 0)).to.equal(3);
    expect(demandFor(3, 0, 1), "one waits already").to.equal(0);
  });

  it("blends a new figure into the mean by a fifth, and begins with the first", () => {
    expect(blend(null, 10)).to.equal(10);
    expect(blend(10, 20)).to.equal(12);
  });
});
