/**
 * Makes the documents' figures from stored results: `npm run bench:docs`. With files that the
 * benches' JSON reporter wrote, `npm run bench:docs -- FILE.json …`, stores them first. With
 * `--check` it writes nothing, and fails if a document is not up to date.
 */
import { readFile, writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { benchmarkFigures, fill, latencyPicture, readmeFigures } from "./support/documents.js";
import type { Stored } from "./support/report.js";

const ROOT = new URL("../../", import.meta.url);

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { check: { type: "boolean", default: false } },
});
for (const file of positionals) {
  const stored = JSON.parse(await readFile(file, "utf8")) as Stored;
  if (stored.bench !== "floors" && stored.bench !== "peers") throw new Error(`${file} is no result of a bench`);
  await put(resultsOf(stored.bench), `${JSON.stringify(stored, null, 2)}\n`);
}

const results = { floors: await readStored("floors"), peers: await readStored("peers") };
await put("README.md", fill(await read("README.md"), readmeFigures(results)));
await put("docs/benchmarks.md", fill(await read("docs/benchmarks.md"), benchmarkFigures(results)));
await put("docs/latency.svg", latencyPicture(results));

function resultsOf(bench: Stored["bench"]): string {
  return `bench/results/${bench}.json`;
}

async function readStored(bench: Stored["bench"]): Promise<Stored> {
  return JSON.parse(await read(resultsOf(bench))) as Stored;
}

function read(path: string): Promise<string> {
  return readFile(new URL(path, ROOT), "utf8");
}

async function put(path: string, text: string): Promise<void> {
  if (!values.check) return writeFile(new URL(path, ROOT), text);
  if ((await read(path)) === text) return;
  process.stderr.write(`${path} is not up to date: npm run bench:docs\n`);
  process.exitCode = 1;
}
