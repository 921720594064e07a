import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { cpuCheck } from "../../../dist/bench/support/cpu-check.js";
import { type Environment, environment, load } from "../../../dist/bench/support/environment.js";
import { Server, ServerError } from "../../../dist/bench/support/server.js";
import { table } from "../../../dist/bench/support/table.js";
import { type Arguments, ArgumentsError, HELP, type PeerName, readArguments, type Work } from "./arguments.js";
import { AMOUNTS, IN_FLIGHT, JOB_MS, Measurement } from "./measure.js";
import { Redis } from "./redis.js";
import { type Block, cells } from "./report.js";
import { disturbance, failures, rowOf, type Turn } from "./rounds.js";

/** Bare Piscina keeps nothing and knows one process only. */
const PISCINA: ReadonlySet<Work> = new Set<Work>(["same", "noop", "cpu"]);

async function main(args: readonly string[]): Promise<void> {
  const asked = readArguments(args);
  if (asked.help) {
    process.stdout.write(HELP);
    return;
  }
  const server = new Server();
  const redis = asked.peers.includes("bullmq-redis") ? await Redis.start() : null;
  const close = async (): Promise<void> => void (await Promise.all([server.close(), redis?.close()]));
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => void close().finally(() => process.exit(130)));
  try {
    await measure(asked, server, redis);
  } finally {
    await close();
  }
}

async function measure(asked: Arguments, server: Server, redis: Redis | null): Promise<void> {
  const before = load();
  const measurement = new Measurement(server, redis, availableParallelism(), asked.scale);
  const peers = asked.peers.filter((peer) => peer !== "bullmq-redis" || redis !== null);
  const notes = peers.length < asked.peers.length ? ["bullmq-redis is left out: there is no redis-server here"] : [];
  const blocks: Block[] = [];
  const raw: Record<string, Record<string, readonly Turn[]>> = {};
  for (const work of asked.works) {
    const taking = peers.filter((peer) => peer !== "piscina" || PISCINA.has(work));
    const turns = new Map<PeerName, Turn[]>(taking.map((peer) => [peer, []]));
    const checks: number[] = [];
    for (let round = 1; round <= asked.rounds; round += 1) {
      for (const peer of rotated(taking, round)) {
        process.stderr.write(`${work}: ${peer}, round ${round} …\n`);
        checks.push(cpuCheck());
        turns.get(peer)?.push(await measurement.turn(peer, work));
      }
    }
    blocks.push({ work, title: titleOf(work, asked.scale), rows: taking.map((peer) => rowOf(peer, turns)) });
    raw[work] = Object.fromEntries(turns);
    notes.push(...disturbance(work, checks), ...failures(work, turns));
  }
  const facts = { ...environment(server.facts, before), redis: redis?.version ?? null, peers: versions() };
  if (asked.reporter === "json") {
    process.stdout.write(`${JSON.stringify({ environment: facts, ...asked, blocks, turns: raw, notes }, null, 2)}\n`);
    return;
  }
  const lines = [...heading(facts, asked.rounds), "", table(cells(blocks)), ...FOOTNOTES, ...notes];
  process.stdout.write(`${lines.join("\n")}\n`);
}

/** Each round begins with another, so that nobody always comes after the same one. */
function rotated(peers: readonly PeerName[], round: number): readonly PeerName[] {
  const first = (round - 1) % peers.length;
  return [...peers.slice(first), ...peers.slice(0, first)];
}

interface Facts extends Environment {
  readonly redis: string | null;
  readonly peers: Readonly<Record<string, string>>;
}

function heading({ baton, node, cores, cpu, postgres, redis, peers, load: loads }: Facts, rounds: number): string[] {
  const packages = Object.entries(peers).map(([name, version]) => `${name} ${version}`);
  const sql = `PostgreSQL ${postgres?.version} (fsync ${postgres?.fsync}, synchronous_commit ${postgres?.synchronousCommit})`;
  return [
    `Node.js ${node}, ${cores} cores (${cpu}), ${sql}${redis === null ? "" : `, Redis ${redis}`}`,
    [`pg-baton ${baton}`, ...packages].join(", "),
    `medians (min-max) of ${rounds} rounds, in turns; load average ${loads.before.toFixed(1)} before, ${loads.after.toFixed(1)} after`,
  ];
}

const FOOTNOTES = [
  "baton runs every job in a thread; the others run same and no-op jobs in the host's event loop, which is quicker, and only the CPU-bound ones in threads.",
  "graphile-worker and pg-boss: results by a hand-made NOTIFY from within the job, so before its completion is recorded; in one process without NOTIFY.",
  "bullmq-redis: append-only file, fsync once a second, as BullMQ advises: up to a second of accepted jobs can be lost. All others commit to disk.",
  "piscina keeps nothing.",
  "baton's threads have lower OS priority (Linux): beside other users of the machine they get less of it than the peers' threads do.",
];

function titleOf(work: Work, scale: number): string {
  const count = Math.ceil(AMOUNTS[work].count / scale).toLocaleString("en");
  const titles: Readonly<Record<Work, string>> = {
    latency: `two processes, one await at a time, ${count}`,
    same: `one process, one await at a time, ${count}`,
    inflight: `two processes, ${IN_FLIGHT} awaits in flight, ${count}`,
    noop: `${count} no-op jobs, one host`,
    cpu: `${count} jobs of about ${JOB_MS} ms of CPU, one host`,
  };
  return titles[work];
}

/** Of the peers' packages, as they are pinned. */
function versions(): Record<string, string> {
  const manifest = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as {
    dependencies: Record<string, string>;
  };
  return manifest.dependencies;
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  const told = error instanceof ArgumentsError || error instanceof ServerError;
  process.stderr.write(`bench:peers: ${told ? error.message : (error as Error).stack}\n`);
  process.exit(1);
}
