import { expect } from "chai";
import { PEERS, readArguments, WORKS } from "../../bench/peers/arguments.js";
import { questionOf } from "../../bench/peers/works.js";
import { ArgumentsError } from "../../bench/support/arguments.js";

describe("the command line of the bench beside peers", () => {
  it("measures every peer at every work over three rounds and prints text by default", () => {
    const asked = readArguments([]);
    expect(asked).to.deep.equal({ peers: PEERS, works: WORKS, reporter: "text", rounds: 3, scale: 1, help: false });
  });

  it("selects peers and works, and keeps its own order", () => {
    const asked = readArguments(["--only", "pg-boss,baton", "--work", "cpu, latency"]);
    expect(asked.peers).to.deep.equal(["baton", "pg-boss"]);
    expect(asked.works).to.deep.equal(["latency", "cpu"]);
  });

  const refused = [
    { args: ["--only", "bull"], says: `There is no peer "bull": take ${PEERS.join(", ")}` },
    { args: ["--work", ""], says: `There is no work "": take ${WORKS.join(", ")}` },
    { args: ["--reporter", "xml"], says: 'There is no reporter "xml": take text, json, html' },
    { args: ["--reporter", "text,json"], says: 'There is no reporter "text,json": take text, json, html' },
    { args: ["--rounds", "0"], says: '--rounds must be a whole number from 1, not "0"' },
    { args: ["--fast"], says: "Unknown option '--fast'; see --help" },
  ];
  for (const { args, says } of refused) {
    it(`refuses ${JSON.stringify(args.join(" "))}`, () => {
      expect(() => readArguments(args)).to.throw(ArgumentsError, says);
    });
  }
});

describe("a work of the bench beside peers", () => {
  const options = { scale: 1, redis: null, onFailure: () => {} };

  it("has a line for each peer and figure, and for what was lost", () => {
    const { title, lines } = questionOf("latency", { ...options, peers: ["baton", "pg-boss"] });
    expect(title).to.equal("two processes, one await at a time, 300");
    const labels = ["p50", "p99", "lost"];
    expect(lines.map(({ label }) => label)).to.deep.equal([
      ...labels.map((label) => `baton, ${label}`),
      ...labels.map((label) => `pg-boss, ${label}`),
    ]);
  });

  it("compares CPU-bound work with bare Piscina, which takes no part between two processes", () => {
    const peers = ["baton", "piscina"] as const;
    const [jobs] = questionOf("cpu", { ...options, peers }).lines;
    expect(jobs?.against).to.deep.equal(["piscina", "jobs"]);
    expect(questionOf("inflight", { ...options, peers }).lines.map(({ of }) => of[0])).not.to.include("piscina");
  });
});
