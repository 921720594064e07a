import { expect } from "chai";
import { print } from "../support/print.js";
import { planFaults } from "./plan.js";
import { soak } from "./soak.js";

describe("a soak", () => {
  it("is the same for the same seed", () => {
    expect(planFaults(7, 60_000, true)).to.deep.equal(planFaults(7, 60_000, true));
    expect(planFaults(8, 60_000, true)).to.not.deep.equal(planFaults(7, 60_000, true));
    expect(planFaults(7, 60_000, true).length).to.be.within(20, 45);
  });

  it("of 10 s, hosts killed, connections cut, the database crashed: every result, each once, none hangs", async () => {
    const lines: string[] = [];
    const say = (line: string): unknown => lines.push(line);
    const report = await soak({ seed: 140, jobs: 2_000, lasts: 10_000, memory: false, say });
    const { jobs, doubles, faults, settled, heap: _heap, events: _events, mishaps, ...counts } = report;
    print(
      `${jobs} jobs, ${JSON.stringify(faults)}, ${doubles} run again, the last ${Math.round(settled)} ms after the faults`,
    );
    const expected = { right: jobs, wrong: 0, hung: 0, unfinishedRows: 0, unexplained: [] };
    expect(counts, `${lines.join("\n")}\n${JSON.stringify(mishaps)}`).to.deep.equal(expected);
  }).timeout(120_000);
});
