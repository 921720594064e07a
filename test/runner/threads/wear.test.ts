import { expect } from "chai";
import fc from "fast-check";
import { Wear } from "../../../lib/runner/threads/wear.js";

describe("The wear of a thread", () => {
  it("is reached at 90 to 100 % of the allowed jobs, and never without a job", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_000 }), (maxJobs) => {
        const wear = new Wear({ maxJobs }, () => {});
        wear.renew();
        let jobs = 0;
        for (; !wear.wornOut; jobs += 1) wear.use(1);
        expect(jobs).to.be.within(Math.max(1, Math.floor(maxJobs * 0.9)), maxJobs);
        wear.renew();
        expect(wear).to.include({ fresh: true, wornOut: false });
      }),
    );
  });

  it("is unlimited by default", () => {
    const wear = new Wear({}, () => expect.fail("it came of age"));
    wear.renew();
    wear.use(1e9);
    expect(wear).to.include({ fresh: false, wornOut: false });
    wear.stop();
  });

  it("reaches the maximum age once, unless it is stopped before", async () => {
    let old = 0;
    const [wear, stopped] = [new Wear({ maxAge: 5 }, () => (old += 1)), new Wear({ maxAge: 5 }, () => (old += 10))];
    wear.renew();
    wear.renew();
    stopped.renew();
    stopped.stop();
    while (!wear.wornOut) await new Promise(setImmediate);
    expect({ old, wornOut: stopped.wornOut }).to.deep.equal({ old: 1, wornOut: false });
  });
});
