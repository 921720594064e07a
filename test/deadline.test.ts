import { expect } from "chai";
import { Deadline } from "../lib/deadline.js";
import { rejection } from "./support/rejection.js";

describe("A deadline", () => {
  it("waits for work that ends in time", async () => {
    expect(await new Deadline(60_000).within(Promise.resolve())).to.equal(true);
    expect(await new Deadline(60_000).within(new Promise(setImmediate))).to.equal(true);
  });

  it("waits no longer than until it is over, and counts down to 0", async () => {
    const deadline = new Deadline(10);
    expect(await deadline.within(new Promise(() => {}))).to.equal(false);
    expect(deadline.left).to.be.below(5);
    expect(new Deadline(-1).left).to.equal(0);
  });

  it("rejects as the work does, and hears nothing of what fails later", async () => {
    expect((await rejection(new Deadline(60_000).within(Promise.reject(new Error("no"))))).message).to.equal("no");
    let fail: (error: Error) => void = () => {};
    const work = new Promise((_, reject) => (fail = reject));
    expect(await new Deadline(0).within(work)).to.equal(false);
    fail(new Error("late"));
  });
});
