/**
 * Compares this build with another one in turns: `npm run bench:pairs -- --against DIR`, where DIR
 * is a built checkout of the other commit. Prints the figures of both, their ratios with a 95 %
 * confidence interval, and the statements and wire bytes of a job.
 */
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { deviation, mean } from "d3-array";
import pg from "pg";
import { ArgumentsError, parse, wholeNumber } from "../support/arguments.js";
import type { Child } from "../support/child.js";
import { textReport } from "../support/markdown.js";
import type { Bench, Contender, Figures, Question } from "../support/question.js";
import { seriesOf } from "../support/report.js";
import { command, run } from "../support/run.js";
import { CountingProxy } from "./proxy.js";
import type { Order, SideFigures } from "./side.js";

const SIDE = new URL("./side.js", import.meta.url);
/** Awaits over which the costs of a job are counted. */
const COUNTED = 500;
/** Half the width of a 95 % confidence interval, in standard errors, for about 20 pairs. */
const T = 2.09;

const HELP = `Compare this build of pg-baton with another one, in turns.

Usage: npm run bench:pairs -- --against <folder> [options]

  --against <folder>  a checkout of the other commit, built
  --pairs <n>         rounds, in each of which both builds run once; default: 20
  --help
`;

const LINES = [
  { figure: "inFlight", label: "100 awaits in flight", unit: "/s" },
  { figure: "noops", label: "no-op jobs", unit: "/s" },
  { figure: "latency", label: "one await at a time, p50", unit: "ms" },
  { figure: "statements", label: "statements of a job", unit: "" },
  { figure: "bytes", label: "wire bytes of a job", unit: "" },
].map(({ figure, ...line }) => ({ ...line, of: ["this", figure] as const, against: ["other", figure] as const }));

await command("bench:pairs", async () => {
  const { against, pairs, help } = parse(process.argv.slice(2), {
    against: { type: "string" },
    pairs: { type: "string", default: "20" },
    help: { type: "boolean", short: "h", default: false },
  });
  if (help) return void process.stdout.write(HELP);
  if (against === undefined) throw new ArgumentsError("--against is missing: the folder of another checkout, built");
  const dists = { this: fileURLToPath(new URL("../..", import.meta.url)), other: resolve(against, "dist") };
  const question: Question = {
    scope: "pairs",
    title: "this build beside the other one",
    about: "Both builds start new processes in each round. Floor: the other build.",
    lines: LINES,
    rotate: true,
    open: (bench) => Promise.all(Object.entries(dists).map(([name, dist]) => build(name, dist, bench))),
  };
  const report = await run("pairs", [question], { rounds: wholeNumber("--pairs", pairs) });
  const rounds = report.measured[0]?.rounds ?? [];
  const notes = LINES.map(({ label, of, against: floor }) => {
    const floors = seriesOf(rounds, floor);
    return `${label}: ${interval(seriesOf(rounds, of).map((figure, round) => figure / (floors[round] ?? Number.NaN)))}`;
  });
  process.stdout.write(textReport({ ...report, notes }));
});

async function build(name: string, dist: string, bench: Bench): Promise<Contender> {
  const connection = await bench.database();
  const sql = new pg.Client(connection);
  await sql.connect();
  let counted: Figures = {};
  const during = async <Result>(url: string, work: (caller: Child) => Promise<Result>): Promise<Result> => {
    const start = (role: Order["role"]) => bench.child(SIDE, { dist, role, connection: url } satisfies Order);
    const sides = [await start("host"), await start("caller")] as const;
    const result = await work(sides[1]);
    await Promise.all(sides.map((side) => side.stop()));
    return result;
  };
  return {
    name,
    warmUp: async () => {
      const proxy = new CountingProxy(new URL(connection));
      counted = await during(await proxy.start(connection), async (caller) => {
        await caller.ask("awaits", { count: 100 });
        const { statements, bytes } = proxy;
        await caller.ask("awaits", { count: COUNTED });
        return { statements: (proxy.statements - statements) / COUNTED, bytes: (proxy.bytes - bytes) / COUNTED };
      });
      proxy.stop();
    },
    round: async () => {
      const figures = await during(connection, (caller) => caller.ask<SideFigures>("figures"));
      await sql.query("checkpoint");
      return { ...figures, ...counted };
    },
    close: () => sql.end(),
  };
}

/** The geometric mean of ratios, with its confidence interval. */
function interval(ratios: readonly number[]): string {
  const logs = ratios.map(Math.log);
  const middle = mean(logs) ?? Number.NaN;
  const margin = (T * (deviation(logs) ?? 0)) / Math.sqrt(logs.length);
  const [at, low, high] = [middle, middle - margin, middle + margin].map((log) => Math.exp(log).toFixed(3));
  return `mean ratio ${at} (95 %: ${low} to ${high})`;
}
