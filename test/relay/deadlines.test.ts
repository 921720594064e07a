import { expect } from "chai";
import { Deadlines } from "../../lib/relay/deadlines.js";

describe("deadlines", () => {
  let due: string[];
  let heard: () => void;
  let deadlines: Deadlines<string>;

  beforeEach(() => {
    due = [];
    heard = () => {};
    deadlines = new Deadlines((item) => {
      due.push(item);
      heard();
    });
  });

  /** Resolves once so many items have been due. */
  async function dueOf(count: number): Promise<string[]> {
    while (due.length < count) await new Promise<void>((resolve) => (heard = resolve));
    return due;
  }

  it("call back when they are due, each once and none early", async () => {
    const start = performance.now();
    const times = new Map([30, 10, 20].map((ms) => [`${ms}`, deadlines.add(`${ms}`, ms)]));
    expect(await dueOf(3)).to.deep.equal(["10", "20", "30"]);
    expect(performance.now() - start).to.be.at.least(30);
    expect([...deadlines]).to.have.members(["10", "20", "30"]);
    for (const [item, time] of times) deadlines.delete(item, time);
    expect(deadlines.size).to.equal(0);
  });

  it("never call back for a deleted item, whether it shared its deadline or not", async () => {
    const alone = deadlines.add("alone", 5);
    const among = deadlines.add("among", 1_000);
    deadlines.add("others", 1_000);
    deadlines.delete("alone", alone);
    deadlines.delete("among", among);
    deadlines.delete("never there", 4);
    expect([...deadlines]).to.deep.equal(["others"]);
    expect(await dueOf(1)).to.deep.equal(["others"]);
  });

  it("share a timer if they are equal, so that thousands need few", () => {
    const before = process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
    const times = Array.from({ length: 10_000 }, (_, at) => deadlines.add(`${at}`, 600_000));
    const timers = process.getActiveResourcesInfo().filter((name) => name === "Timeout").length - before;
    // One for each 10 ms that it takes to add them.
    expect(timers).to.be.within(1, 1_000);
    expect(deadlines.size).to.equal(10_000);
    for (const [at, time] of times.entries()) deadlines.delete(`${at}`, time);
    expect(process.getActiveResourcesInfo().filter((name) => name === "Timeout")).to.have.lengthOf(before);
  });

  it("of 0 ms are due at once, also after others in the same ms", async () => {
    for (let round = 1; round <= 50; round += 1) {
      deadlines.add(`${round}`, 0);
      await dueOf(round);
    }
    expect(new Set(due).size).to.equal(50);
  });

  it("beyond the range of timers, or Infinity, are not due early", async () => {
    const far = deadlines.add("far", 2 ** 31 + 1_000);
    const never = deadlines.add("never", Number.POSITIVE_INFINITY);
    deadlines.add("soon", 20);
    expect(await dueOf(1)).to.deep.equal(["soon"]);
    deadlines.delete("far", far);
    deadlines.delete("never", never);
    expect([...deadlines]).to.deep.equal(["soon"]);
  });
});
