import { expect } from "chai";
import { ArgumentsError, HELP, readArguments, SCOPES } from "../../bench/support/arguments.js";

describe("the bench's command line", () => {
  it("measures everything over three rounds and prints text by default", () => {
    const asked = readArguments([]);
    expect(asked).to.deep.equal({ scopes: SCOPES, reporter: "text", rounds: 3, profile: undefined, help: false });
  });

  it("accepts one scope, several, or all", () => {
    expect(readArguments(["--scope", "codec"]).scopes).to.deep.equal(["codec"]);
    expect(readArguments(["--scope", "cpu", "--scope=latency"]).scopes).to.deep.equal(["latency", "cpu"]);
    expect(readArguments(["--scope", "idle,scale,size"]).scopes).to.deep.equal(["scale", "size", "idle"]);
    expect(readArguments(["--scope", "codec,all"]).scopes).to.deep.equal(SCOPES);
    expect(readArguments(["--scope", "all"]).scopes).to.deep.equal(SCOPES);
    expect(readArguments(["--scope", "codec", "--scope", "all"]).scopes).to.deep.equal(SCOPES);
  });

  it("accepts the reporters text, json and html", () => {
    for (const reporter of ["text", "json", "html"]) {
      expect(readArguments(["--reporter", reporter]).reporter).to.equal(reporter);
    }
  });

  it("lists every scope and reporter in its help", () => {
    for (const name of [...SCOPES, "all", "text", "json", "html", "--rounds", "--profile"]) {
      expect(HELP).to.contain(name);
    }
  });

  it("accepts a reporter, a number of rounds, a folder for profiles and --help", () => {
    const asked = readArguments(["--reporter", "json", "--rounds", "7", "--profile", "/tmp/profiles", "-h"]);
    expect(asked).to.include({ reporter: "json", rounds: 7, profile: "/tmp/profiles", help: true });
  });

  const refused = [
    { args: ["--scope", "speed"], says: 'There is no scope "speed": take latency, inflight, throughput, cpu, scale' },
    { args: ["--scope", "cpu,"], says: 'There is no scope ""' },
    { args: ["--reporter", "xml"], says: 'There is no reporter "xml": take text, json, html' },
    { args: ["--rounds", "0"], says: '--rounds must be a whole number from 1, not "0"' },
    { args: ["--rounds", "1.5"], says: '--rounds must be a whole number from 1, not "1.5"' },
    { args: ["--rounds", ""], says: '--rounds must be a whole number from 1, not ""' },
    { args: ["--fast"], says: "Unknown option '--fast'; see --help" },
  ];
  for (const { args, says } of refused) {
    it(`refuses ${JSON.stringify(args.join(" "))}`, () => {
      expect(() => readArguments(args)).to.throw(ArgumentsError, says);
    });
  }

  it("refuses arguments that are no options", () => {
    expect(() => readArguments(["codec"])).to.throw(ArgumentsError, "'codec'");
  });
});
