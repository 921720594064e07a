import { expect } from "chai";
import { ArgumentsError, PEERS, readArguments, WORKS } from "../../bench/peers/src/arguments.js";
import { type Block, cells } from "../../bench/peers/src/report.js";

describe("the command line of the bench beside peers", () => {
  it("measures every peer at every work over three rounds and reports as text by default", () => {
    const asked = readArguments([]);
    expect(asked).to.deep.equal({ peers: PEERS, works: WORKS, reporter: "text", rounds: 3, scale: 1, help: false });
  });

  it("takes some peers and some works, in its own order", () => {
    const asked = readArguments(["--only", "pg-boss,baton", "--work", "cpu, latency"]);
    expect(asked.peers).to.deep.equal(["baton", "pg-boss"]);
    expect(asked.works).to.deep.equal(["latency", "cpu"]);
  });

  const refused = [
    { args: ["--only", "bull"], says: `There is no peer "bull": take ${PEERS.join(", ")}` },
    { args: ["--work", ""], says: `There is no work "": take ${WORKS.join(", ")}` },
    { args: ["--reporter", "xml"], says: 'There is no reporter "xml": take text or json' },
    { args: ["--reporter", "text,json"], says: 'There is no reporter "text,json": take text or json' },
    { args: ["--rounds", "0"], says: '--rounds must be a whole number from 1, not "0"' },
    { args: ["--fast"], says: "Unknown option '--fast'; see --help" },
  ];
  for (const { args, says } of refused) {
    it(`refuses ${JSON.stringify(args.join(" "))}`, () => {
      expect(() => readArguments(args)).to.throw(ArgumentsError, says);
    });
  }
});

describe("the table of the bench beside peers", () => {
  const figure = (median: number) => ({ median, min: median / 2, max: median * 2 });

  it("has a line for each peer, with each figure's median and range, and what was lost", () => {
    const rows = [
      { peer: "baton" as const, figures: { p50: figure(2.5), p99: figure(10_000) }, lost: 0, failed: null },
    ];
    expect(cells([{ work: "latency", title: "await", rows }])).to.deep.equal([
      ["await", "p50 ms", "p99 ms", "lost"],
      ["  baton", "2.50 (1.25-5)", "10,000 (5,000-20,000)", "0"],
      [""],
    ]);
  });

  it("says where a peer failed, rather than leaving it out", () => {
    const block: Block = {
      work: "noop",
      title: "no-ops",
      rows: [{ peer: "pg-boss", figures: {}, lost: null, failed: "it broke" }],
    };
    expect(cells([block])[1]).to.deep.equal(["  pg-boss", "failed", "failed", ""]);
  });
});
