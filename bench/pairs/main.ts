/**
 * Compares this build with another one in turns: `npm run bench:pairs -- --against DIR`, where DIR
 * is a built checkout of the other commit. Prints the ratios of this build to the other (more is
 * better, but for latency), and the statements and wire bytes of a job.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import pg from "pg";
import { startEmbedded } from "../../lib/embedded.js";
import { CountingProxy } from "./proxy.js";
import type { SideFigures } from "./side.js";

const SIDE = fileURLToPath(new URL("./side.js", import.meta.url));
const OWN = fileURLToPath(new URL("../..", import.meta.url));
/** Awaits over which a job's costs are counted. */
const COUNTED = 500;
/** Half the width of a 95 % interval of a mean, in standard errors, for about twenty pairs. */
const T = 2.09;

const { values } = parseArgs({ options: { against: { type: "string" }, pairs: { type: "string", default: "20" } } });
if (values.against === undefined) throw new Error("--against is missing: the folder of another checkout, built");
const builds = { this: OWN, other: resolve(values.against, "dist") };
type Build = keyof typeof builds;

const server = await startEmbedded();
const admin = new pg.Client(server.url);
await admin.connect();

async function databaseFor(build: Build): Promise<string> {
  const name = `pairs_${build}`;
  await admin.query(`create database ${name}`);
  return Object.assign(new URL(server.url), { pathname: `/${name}` }).href;
}

async function start(build: Build, role: "host" | "caller", connection: string): Promise<ChildProcess> {
  const child = fork(SIDE, [JSON.stringify({ dist: builds[build], role, connection })]);
  await once(child, "message");
  return child;
}

async function ask<Answer>(child: ChildProcess, message: string): Promise<Answer> {
  child.send(message);
  return ((await once(child, "message")) as [Answer])[0];
}

/** Statements and wire bytes a job, of host and caller together, one await at a time. */
async function costs(build: Build, url: string): Promise<{ statements: number; bytes: number }> {
  const proxy = new CountingProxy(new URL(url));
  const through = await proxy.start(url);
  const [host, caller] = await Promise.all([start(build, "host", through), start(build, "caller", through)]);
  await ask(caller, "100");
  const before = [proxy.statements, proxy.bytes] as const;
  await ask(caller, String(COUNTED));
  const after = [proxy.statements, proxy.bytes] as const;
  for (const child of [host, caller]) child.disconnect();
  await Promise.all([once(host, "exit"), once(caller, "exit")]);
  proxy.stop();
  return { statements: (after[0] - before[0]) / COUNTED, bytes: (after[1] - before[1]) / COUNTED };
}

function spread(ratios: readonly number[]): string {
  const logs = ratios.map(Math.log);
  const mean = logs.reduce((sum, log) => sum + log, 0) / logs.length;
  const deviation = Math.sqrt(logs.reduce((sum, log) => sum + (log - mean) ** 2, 0) / (logs.length - 1));
  const margin = (T * deviation) / Math.sqrt(logs.length);
  const sorted = [...ratios].sort((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)] as number;
  const [low, high] = [Math.exp(mean - margin), Math.exp(mean + margin)];
  return `median ${median.toFixed(3)}, mean ${Math.exp(mean).toFixed(3)} (95 %: ${low.toFixed(3)} to ${high.toFixed(3)})`;
}

try {
  const urls = { this: await databaseFor("this"), other: await databaseFor("other") };
  for (const build of ["other", "this"] as const) {
    const { statements, bytes } = await costs(build, urls[build]);
    console.log(`${build}: ${statements.toFixed(2)} statements and ${bytes.toFixed(0)} bytes on the wire a job`);
  }
  const ratios: Record<keyof SideFigures, number[]> = { inFlight: [], noops: [], latency: [] };
  for (let pair = 0; pair < Number(values.pairs); pair += 1) {
    const order: readonly Build[] = pair % 2 === 0 ? ["this", "other"] : ["other", "this"];
    const figures: Partial<Record<Build, SideFigures>> = {};
    for (const build of order) {
      const sides = [await start(build, "host", urls[build]), await start(build, "caller", urls[build])] as const;
      figures[build] = await ask<SideFigures>(sides[1], "figures");
      for (const child of sides) child.disconnect();
      await Promise.all(sides.map((child) => once(child, "exit")));
      await admin.query("checkpoint");
    }
    const { this: own, other } = figures as Record<Build, SideFigures>;
    for (const key of Object.keys(ratios) as (keyof SideFigures)[]) ratios[key].push(own[key] / other[key]);
    console.log(`pair ${pair + 1}: ${JSON.stringify(own)} against ${JSON.stringify(other)}`);
  }
  for (const [key, list] of Object.entries(ratios)) console.log(`${key}: ${spread(list)}`);
} finally {
  await admin.end();
  await server.remove();
}
