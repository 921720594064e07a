import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import fc from "fast-check";
import { patienceFor, Rates } from "../../lib/runner/rates.js";

describe("rates", () => {
  it("are patient for 250 ms to a second, and never shorter than jobs are meant to be held", () => {
    const times = fc.double({ min: 0, max: 1e5, noNaN: true });
    fc.assert(
      fc.property(times, times, (roundTrip, jobTime) => {
        const patience = patienceFor(roundTrip, jobTime);
        expect(patience).to.be.within(250, 1_000);
        expect(patience).to.be.at.least(Math.min(1_000, 2 * jobTime, 4 * roundTrip));
      }),
    );
  });

  it("prefetch nothing before both a claim and a job were timed", () => {
    const rates = new Rates();
    expect(rates.ahead(2)).to.equal(0);
    rates.claimed(1);
    expect(rates.ahead(2)).to.equal(0);
    rates.ran(1, 1, 1);
    expect(rates.ahead(2)).to.be.above(0);
  });

  it("promise a soon start only right after a job ended, and behind few jobs", async () => {
    const rates = new Rates();
    expect(rates.startsSoon(0, 1), "nothing is known").to.equal(false);
    rates.ran(2, 1, 1);
    expect(rates.startsSoon(0, 1)).to.equal(true);
    expect(rates.startsSoon(9, 1), "20 ms behind nine jobs").to.equal(false);
    expect(rates.startsSoon(9, 4), "5 ms with four threads").to.equal(true);
    await sleep(15);
    expect(rates.startsSoon(0, 1), "a slow job may be under way").to.equal(false);
  });
});
