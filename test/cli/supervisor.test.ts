import { fork } from "node:child_process";
import { expect } from "chai";
import { Supervisor } from "../../lib/cli/supervisor.js";
import { until } from "../support/until.js";

const SCRIPT = new URL("../support/supervised.js", import.meta.url);

describe("the supervisor", () => {
  /** A supervisor whose processes come up and then end, each with the next of these statuses. */
  function supervise(statuses: readonly (number | "stay")[], lines: string[], more = {}): Supervisor {
    let at = 0;
    const start = () => fork(SCRIPT, [String(statuses[at++] ?? 0)]);
    return new Supervisor({ start, say: (line) => lines.push(line), first: 2, longest: 12, ...more });
  }

  const pauses = (lines: readonly string[]): number[] => lines.map((line) => Number(/in (\d+) ms/.exec(line)?.[1]));

  it("doubles the pause up to the longest, and ends with 0 when the process does", async () => {
    const lines: string[] = [];
    expect(await supervise([1, 1, 1, 1, 1, 0], lines).run()).to.equal(0);
    const [first, second, third, fourth, fifth] = pauses(lines);
    expect(first).to.be.within(1, 2);
    expect(second).to.be.within(3, 4);
    expect(third).to.be.within(6, 8);
    expect(fourth).to.be.within(9, 12);
    expect(fifth).to.be.within(9, 12);
  });

  it("begins with the first pause again once a process was up for long", async () => {
    const lines: string[] = [];
    expect(await supervise([1, 1, 1, 0], lines, { settled: 0 }).run()).to.equal(0);
    for (const pause of pauses(lines)) expect(pause).to.be.within(1, 2);
  });

  it("ends at a signal during a pause", async () => {
    const lines: string[] = [];
    const supervisor = supervise([1, 0], lines, { first: 3_600_000, longest: 3_600_000 });
    const ended = supervisor.run();
    await until(() => lines.length === 1, "the pause");
    supervisor.signal("SIGTERM");
    expect(await ended).to.equal(0);
  });

  it("passes a signal on, and ends with the status of the process", async () => {
    const supervisor = supervise(["stay"], []);
    const ended = supervisor.run();
    // Repeated: the first signal may arrive before the process can handle it.
    const sending = setInterval(() => supervisor.signal("SIGTERM"), 20);
    expect(await ended).to.be.oneOf([0, 1, 7]);
    clearInterval(sending);
  });
});
