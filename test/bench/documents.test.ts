import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect } from "chai";
import { benchmarkFigures, fill, readmeFigures, type Results } from "../../bench/support/documents.js";

const DOCS = fileURLToPath(new URL("../../bench/docs.js", import.meta.url));

function read(path: string): string {
  return readFileSync(new URL(`../../../${path}`, import.meta.url), "utf8");
}

const [floors, peers] = ["floors", "peers"].map((bench) => JSON.parse(read(`bench/results/${bench}.json`)));
const results: Results = { floors, peers };

describe("the figures of the documents", () => {
  it("are those of the stored results, in the README, docs/benchmarks.md and docs/latency.svg", async () => {
    expect(read("docs/benchmarks.md")).to.contain(benchmarkFigures(results));
    await promisify(execFile)(process.execPath, [DOCS, "--check"]);
  });

  it("are the same in docs/latency.svg and in the README's first row", () => {
    const [, , first] = readmeFigures(results).split("\n");
    const awaits = [...read("docs/latency.svg").matchAll(/[\d.]+ \/ [\d.]+(?=<)/g)].map(([text]) => text);
    expect(awaits).to.have.length.above(1);
    for (const text of awaits) expect(first).to.contain(text);
  });

  it("are drawn without a style sheet, for viewers that know none", () => {
    expect(read("docs/latency.svg")).not.to.match(/<style|style=|var\(|currentColor/);
  });

  it("replace the text between the markers, and only that", () => {
    const [open, close] = ["<!-- figures: made by npm run bench:docs -->", "<!-- /figures -->"];
    expect(fill(`a\n${open}\nold\n${close}\nb`, "new")).to.equal(`a\n${open}\n\nnew\n\n${close}\nb`);
    expect(fill("no markers", "new")).to.equal("no markers");
  });
});
