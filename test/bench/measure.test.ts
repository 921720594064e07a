import { expect } from "chai";
import { measure } from "../../bench/support/measure.js";
import { Pace } from "../../bench/support/pace.js";
import type { Bench, Contender, Question } from "../../bench/support/question.js";

/** The bench is never asked for anything here. */
const BENCH = {} as Bench;

function question(...contenders: Contender[]): Question {
  return { scope: "latency", title: "turns", about: "how", lines: [], open: async () => contenders };
}

/** A contender whose n-th round, from the warm-up on, comes to n. */
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

/** A machine whose checks take these times in ms, in turn, and then the last one each. */
function machine(...checks: number[]): Pace {
  return new Pace(() => (checks.length > 1 ? checks.shift() : checks[0]) as number);
}

async function roundsAt(pace: Pace, rounds: number) {
  const turns: string[] = [];
  const closed: string[] = [];
  const sides = ["a", "b"].map((name) => counting(name, turns, closed));
  const measured = await measure(question(...sides), rounds, BENCH, pace);
  const numbers = measured.rounds.map(({ figures }) => figures["a"]?.["round"]);
  return { measured, numbers, turns: turns.join(""), closed };
}

describe("measuring a question", () => {
  it("warms every side up, lets them take turns, keeps figures and samples by round, and closes them", async () => {
    const { measured, numbers, turns, closed } = await roundsAt(machine(10), 2);
    expect(turns).to.equal("ababab");
    expect(numbers).to.deep.equal([2, 3]);
    expect(measured.rounds[0]?.samples).to.deep.equal({ a: { rounds: [2] }, b: { rounds: [2] } });
    expect(measured.discarded).to.deep.equal([]);
    expect(closed).to.deep.equal(["a", "b"]);
  });

  it("runs a disturbed round again, whoever of its sides was disturbed", async () => {
    // Three checks a round: before, between and after the turns.
    const { measured, numbers } = await roundsAt(machine(10, 10, 10, 10, 10, 16, 10), 2);
    expect(numbers).to.deep.equal([2, 4]);
    expect(measured.discarded).to.have.lengthOf(1);
    expect(measured).to.include({ disturbed: 0, slowdown: 1 });
  });

  it("gives up after twice as many rounds, takes the least disturbed, and says how much they were", async () => {
    const slow = [10, 20, 10, 10, 14, 10, 10, 18, 10, 10, 15, 10];
    const { measured, numbers, turns } = await roundsAt(machine(...slow), 2);
    expect(turns).to.equal("ab".repeat(5));
    expect(numbers).to.deep.equal([3, 5]);
    expect(measured).to.include({ disturbed: 2, slowdown: 1.5 });
    expect(measured.discarded).to.have.lengthOf(2);
  });
});

describe("the pace of the machine", () => {
  it("is held against the best check of the whole run", () => {
    const pace = machine(10, 8);
    pace.check();
    expect(pace.slowdown([10])).to.equal(1);
    pace.check();
    expect(pace.slowdown([10, 9])).to.equal(1.25);
    expect(pace.disturbed([10, 9])).to.equal(false);
    expect(pace.disturbed([8, 10.1])).to.equal(true);
  });

  it("has its best from before the first round", async () => {
    const pace = machine(10, 7, 10);
    await pace.settle();
    expect(pace.slowdown([14])).to.equal(2);
  });
});
