import { expect } from "chai";
import fc from "fast-check";
import { readCall, writeCall } from "../../lib/runner/call.js";
import { calledBy } from "../../lib/runner/rank.js";

const senders = fc.nat(4_000_000);

describe("calls", () => {
  it("are read as they are written, from a bare queue, and from anything else without harm", () => {
    const call = fc.record({ queue: fc.string(), sender: senders, wave: fc.nat(16), from: fc.string() });
    fc.assert(
      fc.property(call, (given) => {
        expect(readCall(writeCall(given), 1)).to.deep.equal(given);
      }),
    );
    expect(readCall("default", 7)).to.deep.equal({ queue: "default", sender: 7, wave: 0, from: null });
    fc.assert(
      fc.property(fc.string(), (payload) => {
        expect(calledBy(readCall(payload, 7).wave)).to.be.at.least(1);
      }),
    );
  });
});
