import { expect } from "chai";
import { InvalidRelayError } from "../../lib/errors.js";
import { checkRelay, makeRelay, newRef } from "../../lib/relay/relay.js";

const relay = makeRelay({ id: 7, worker: "double", queue: "default" }, "host", newRef());

describe("a relay", () => {
  it("has a unique ref of 22 characters of base64url", () => {
    const refs = new Set(Array.from({ length: 1_000 }, newRef));
    expect(refs.size).to.equal(1_000);
    for (const ref of refs) expect(ref).to.match(/^[\w-]{22}$/);
  });

  it("is frozen plain data that survives JSON, and is not thenable", () => {
    const back = JSON.parse(JSON.stringify(relay)) as unknown;
    expect(back).to.deep.equal(relay);
    expect(() => checkRelay(back)).to.not.throw();
    expect(Object.isFrozen(relay) && Object.isFrozen(relay.job)).to.equal(true);
    expect(relay).to.not.have.property("then");
  });

  for (const [what, value, says] of [
    ["a promise of one", Promise.resolve(relay), /await async\(\) first/],
    ["null", null, /it is null/],
    ["a text", "relay", /it is a string/],
    ["one with a short ref", { ...relay, ref: "short" }, /its ref/],
    ["one without a host", { ...relay, host: undefined }, /its host/],
    ["one whose job has no id", { ...relay, job: { worker: "double" } }, /its job/],
  ] as const) {
    it(`is told from ${what}`, () => {
      expect(() => checkRelay(value)).to.throw(InvalidRelayError, says);
    });
  }
});
