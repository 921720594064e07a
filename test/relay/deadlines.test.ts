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

  /** Resolves once so many items were due. */
  async function dueOf(count: number): Promise<string[]> {
    while (due.length < count) await new Promise<void>((resolve) => (heard = resolve));
    return due;
  }

  it("are told when their time is up, each once and none before", async () => {
    const start = performance.now();
    const times = new Map([30, 10, 20].map((ms) => [`${ms}`, deadlines.add(`${ms}`, ms)]));
    expect(await dueOf(3)).to.deep.equal(["10", "20", "30"]);
    expect(performance.now() - start).to.be.at.least(30);
    expect([...deadlines]).to.have.members(["10", "20", "30"]);
    for (const [item, time] of times) deadlines.delete(item, time);
    expect(deadlines.size).to.equal(0);
  });

  it("are not told of what was deleted, alone or among others", async () => {
    const alone = deadlines.add("alone", 5);
    const among = deadlines.add("among", 1_000);
    deadlines.add("others", 1_000);
    deadlines.delete("alone", alone);
    deadlines.delete("among", among);
    deadlines.delete("never there", 4);
    expect([...deadlines]).to.deep.equal(["others"]);
    expect(await dueOf(1)).to.deep.equal(["others"]);
  });

  it("share a timer where they are together, so that thousands take few", () => {
    const before = process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
    const times = Array.from({ length: 10_000 }, (_, at) => deadlines.add(`${at}`, 600_000));
    const timers = process.getActiveResourcesInfo().filter((name) => name === "Timeout").length - before;
    // One for each 10 ms that it takes to add them.
    expect(timers).to.be.within(1, 1_000);
    expect(deadlines.size).to.equal(10_000);
    for (const [at, time] of times.entries()) deadlines.delete(`${at}`, time);
    expect(process.getActiveResourcesInfo().filter((name) => name === "Timeout")).to.have.lengthOf(before);
  });

  it("of now are due at once, also where others of the same time were", async () => {
    for (let round = 1; round <= 50; round += 1) {
      deadlines.add(`${round}`, 0);
      await dueOf(round);
    }
    expect(new Set(due).size).to.equal(50);
  });

  it("further away than timers reach, or never, are not due before", async () => {
    const far = deadlines.add("far", 2 ** 31 + 1_000);
    const never = deadlines.add("never", Number.POSITIVE_INFINITY);
    deadlines.add("soon", 20);
    expect(await dueOf(1)).to.deep.equal(["soon"]);
    deadlines.delete("far", far);
    deadlines.delete("never", never);
    expect([...deadlines]).to.deep.equal(["soon"]);
  });
});
