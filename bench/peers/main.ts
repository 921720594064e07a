import { readFileSync } from "node:fs";
import { REPORT } from "../support/reporters.js";
import { command, run } from "../support/run.js";
import { HELP, readArguments } from "./arguments.js";
import { Redis } from "./redis.js";
import { questionOf } from "./works.js";

const NOTES = [
  "Baton and Piscina run every job in a thread. The others run no-op jobs in the host's event loop, which is quicker.",
  "graphile-worker and pg-boss: results by a NOTIFY written by hand, from within the job and so before its completion " +
    "is recorded; without NOTIFY in one process.",
  "BullMQ on Redis: append-only file, synced once a second, as BullMQ advises; up to a second of accepted jobs can be " +
    "lost. All others commit to disk; Piscina keeps nothing.",
  "Floor: the same statements by hand on bare pg, in batches where many jobs are under way, without threads, retries " +
    "and fences.",
  "Baton's threads have a lower OS priority (Linux): beside other programs they get less of the machine than the " +
    "peers' threads.",
];

await command("bench:peers", async () => {
  const { help, reporter, rounds, scale, ...asked } = readArguments(process.argv.slice(2));
  if (help) {
    process.stdout.write(HELP);
    return;
  }
  const redis = asked.peers.includes("bullmq-redis") ? await Redis.start() : null;
  const peers = asked.peers.filter((peer) => peer !== "bullmq-redis" || redis !== null);
  const notes = peers.length < asked.peers.length ? ["bullmq-redis is left out: there is no redis-server"] : [];
  const onFailure = (peer: string, work: string, { message }: Error): void => {
    notes.push(`FAILED: ${peer}, ${work}: ${message.split("\n")[0]}`);
  };
  try {
    const questions = asked.works.map((work) => questionOf(work, { peers, scale, redis, onFailure }));
    const report = await run("peers", questions, { rounds });
    const others = { ...(redis && { Redis: redis.version }), ...versions() };
    const environment = { ...report.environment, others };
    process.stdout.write(REPORT[reporter]({ ...report, environment, notes: [...NOTES, ...notes] }));
  } finally {
    await redis?.close();
  }
});

/** Of the peers' packages, as their manifest pins them. */
function versions(): Readonly<Record<string, string>> {
  const file = new URL("../../../bench/peers/package.json", import.meta.url);
  const { dependencies } = JSON.parse(readFileSync(file, "utf8")) as { dependencies: Record<string, string> };
  return Object.fromEntries(Object.entries(dependencies).filter(([name]) => name !== "pg" && name !== "ioredis"));
}
