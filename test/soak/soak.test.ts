import { expect } from "chai";
import { print } from "../support/print.js";
import { ALL, planFaults, SHORT } from "./plan.js";
import { soak } from "./soak.js";

describe("a soak", () => {
  it("is the same for the same seed", () => {
    const plan = (seed: number) => planFaults({ seed, lasts: 60_000, kinds: SHORT, hosts: 2 });
    expect(plan(7)).to.deep.equal(plan(7));
    expect(plan(8)).to.not.deep.equal(plan(7));
    expect(plan(7).length).to.be.within(20, 45);
  });

  it("stalls the database, and does nothing else to it meanwhile", () => {
    const plan = planFaults({ seed: 7, lasts: 600_000, kinds: ALL, hosts: 4 });
    expect(new Set(plan.map(({ kind }) => kind))).to.deep.equal(new Set(ALL));
    let until = 0;
    for (const fault of plan.filter(({ kind }) => !kind.endsWith("a host"))) {
      expect(fault.at).to.be.at.least(until);
      if (fault.kind === "freeze PostgreSQL" || fault.kind === "lock the jobs") until = fault.at + fault.ms;
    }
  });

  it("of 10 s, with killed hosts, cut connections and crashes of the database: every await gets one result", async () => {
    const lines: string[] = [];
    const say = (line: string): unknown => lines.push(line);
    const report = await soak({ seed: 140, jobs: 2_000, lasts: 10_000, kinds: SHORT, memory: false, say });
    const {
      jobs,
      doubles,
      elsewhere: _elsewhere,
      faults,
      settled,
      heap: _heap,
      events: _events,
      mishaps,
      ...counts
    } = report;
    print(
      `${jobs} jobs, ${JSON.stringify(faults)}, ${doubles} run again, the last ${Math.round(settled)} ms after the faults`,
    );
    const expected = { right: jobs, wrong: 0, hung: 0, unfinishedRows: 0, unexplained: [] };
    expect(counts, `${lines.join("\n")}\n${JSON.stringify(mishaps)}`).to.deep.equal(expected);
  }).timeout(120_000);
});
