import { expect } from "chai";
import { MachineSpeed } from "../../bench/support/machine-speed.js";
import { measure } from "../../bench/support/measure.js";
import type { Bench, Contender, Question } from "../../bench/support/question.js";

/** These contenders need nothing of the bench. */
const BENCH = {} as Bench;

function question(...contenders: Contender[]): Question {
  return { scope: "latency", title: "turns", about: "how", lines: [], open: async () => contenders };
}

/** A contender whose n-th round, including the warm-up, has the figure n. */
function counting(name: string, turns: string[], closed: string[]): Contender {
  let round = 0;
  return {
    name,
    round: async () => {
      turns.push(name);
      round += 1;
      return { round };
    },
    samples: () => ({ rounds: [round] }),
    close: async () => void closed.push(name),
  };
}

/** A machine whose checks take these ms in turn; the last is repeated. */
function machine(...checks: number[]): MachineSpeed {
  return new MachineSpeed(() => (checks.length > 1 ? checks.shift() : checks[0]) as number);
}

async function roundsAt(speed: MachineSpeed, rounds: number) {
  const turns: string[] = [];
  const closed: string[] = [];
  const sides = ["a", "b"].map((name) => counting(name, turns, closed));
  const measured = await measure(question(...sides), rounds, BENCH, speed);
  const numbers = measured.rounds.map(({ figures }) => figures["a"]?.["round"]);
  return { measured, numbers, turns: turns.join(""), closed };
}

describe("measuring a question", () => {
  it("warms up every contender, alternates them, keeps figures and samples by round, and closes them", async () => {
    const { measured, numbers, turns, closed } = await roundsAt(machine(10), 2);
    expect(turns).to.equal("ababab");
    expect(numbers).to.deep.equal([2, 3]);
    expect(measured.rounds[0]?.samples).to.deep.equal({ a: { rounds: [2] }, b: { rounds: [2] } });
    expect(measured.discarded).to.deep.equal([]);
    expect(closed).to.deep.equal(["a", "b"]);
  });

  it("repeats a disturbed round, whichever of its contenders was disturbed", async () => {
    // Three checks a round: before, between and after the turns.
    const { measured, numbers } = await roundsAt(machine(10, 10, 10, 10, 10, 16, 10), 2);
    expect(numbers).to.deep.equal([2, 4]);
    expect(measured.discarded).to.have.lengthOf(1);
    expect(measured).to.include({ disturbed: 0, slowdown: 1 });
  });

  it("stops after twice as many rounds, keeps the least disturbed, and reports how disturbed they were", async () => {
    const slow = [10, 20, 10, 10, 14, 10, 10, 18, 10, 10, 15, 10];
    const { measured, numbers, turns } = await roundsAt(machine(...slow), 2);
    expect(turns).to.equal("ab".repeat(5));
    expect(numbers).to.deep.equal([3, 5]);
    expect(measured).to.include({ disturbed: 2, slowdown: 1.5 });
    expect(measured.discarded).to.have.lengthOf(2);
  });
});

describe("a question that rotates", () => {
  it("begins each round with the next contender, and warms up as its contenders say", async () => {
    const turns: string[] = [];
    const sides = ["a", "b", "c"].map((name) => ({ ...counting(name, turns, []), warmUp: async () => {} }));
    await measure({ ...question(...sides), rotate: true }, 3, BENCH, machine(10));
    expect(turns.join("")).to.equal("abcbcacab");
  });
});

describe("the speed of the machine", () => {
  it("is compared with the best check of the whole run", () => {
    const speed = machine(10, 8);
    speed.check();
    expect(speed.slowdown([10])).to.equal(1);
    speed.check();
    expect(speed.slowdown([10, 9])).to.equal(1.25);
    expect(speed.disturbed([10, 9])).to.equal(false);
    expect(speed.disturbed([8, 10.1])).to.equal(true);
  });

  it("has a best before the first round", async () => {
    const speed = machine(10, 7, 10);
    await speed.settle();
    expect(speed.slowdown([14])).to.equal(2);
  });
});
