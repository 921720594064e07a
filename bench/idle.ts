import { fork } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { Baton } from "../lib/index.js";
import type { Bench, Contender, Question } from "./support/question.js";

const HOST = new URL("./processes/baton-host.js", import.meta.url);
const AWAITS = new URL("./processes/awaits.js", import.meta.url);
const START = new URL("./processes/start.js", import.meta.url);

/** ms of a round in which the host is idle. */
const WATCH = 10_000;
/** Awaits that are open at once. */
const OPEN = 10_000;

export const idle: Question = {
  scope: "idle",
  title: "an idle host, an open await, a start",
  about:
    `A host with one queue and no jobs, for ${WATCH / 1_000} s; each transaction of its database counts as a ` +
    `statement. The heap of each of ${OPEN.toLocaleString("en")} open awaits. In fresh processes: the import, and the ` +
    "time from start() to a first result on an existing schema.",
  lines: [
    { label: "CPU", unit: "%", of: ["host", "cpu"], target: { on: "figure", atMost: 0.5 } },
    { label: "statements", unit: "/s", of: ["host", "statements"], target: { on: "figure", atMost: 2 } },
    { label: "open await", unit: "bytes", of: ["caller", "await"], target: { on: "figure", atMost: 1_024 } },
    { label: "import", unit: "ms", of: ["start", "imported"], target: { on: "figure", atMost: 80 } },
    { label: "start to first result", unit: "ms", of: ["start", "first"], target: { on: "figure", atMost: 150 } },
    { label: "import and first result", unit: "ms", of: ["start", "all"] },
  ],
  open: async (bench) => [await host(bench), await caller(bench), await starting(bench)],
};

async function host(bench: Bench): Promise<Contender> {
  const connection = await bench.database();
  const child = await bench.child(HOST, { connection, queues: { bench: 1 } });
  const admin = new URL(connection);
  admin.pathname = "/postgres";
  const sql = new pg.Client(admin.href);
  await sql.connect();
  const commits = async (): Promise<number> => {
    await sleep(1_100);
    const text = "select xact_commit::float8 as commits from pg_stat_database where datname = $1";
    const { rows } = await sql.query<{ commits: number }>(text, [new URL(connection).pathname.slice(1)]);
    return rows[0]?.commits ?? 0;
  };
  const round = async (): Promise<Record<string, number>> => {
    const before = await commits();
    const start = performance.now();
    await child.ask("mark");
    await sleep(WATCH);
    const cpu = ((await child.ask<number>("cpu")) / (performance.now() - start)) * 100;
    const after = await commits();
    return { cpu, statements: ((after - before) * 1_000) / (performance.now() - start) };
  };
  return { name: "host", round, close: () => sql.end() };
}

async function caller(bench: Bench): Promise<Contender> {
  const child = await bench.child(AWAITS, { connection: await bench.database() }, ["--expose-gc"]);
  return { name: "caller", round: async () => ({ await: await child.ask<number>("hold", { count: OPEN }) }) };
}

async function starting(bench: Bench): Promise<Contender> {
  const connection = await bench.database();
  await (await new Baton({ connection }).start()).stop();
  const round = async (): Promise<Record<string, number>> => {
    const { imported } = await startOnce({});
    const { first, all } = await startOnce({ connection });
    return { imported, first, all };
  };
  return { name: "start", round };
}

interface Started {
  readonly imported: number;
  readonly first: number;
  readonly all: number;
}

async function startOnce(argument: object): Promise<Started> {
  const child = fork(START, [JSON.stringify(argument)], { stdio: ["ignore", 2, 2, "ipc"] });
  const exited = once(child, "exit");
  const [{ value }] = (await once(child, "message")) as [{ value: Started }];
  if (child.connected) child.disconnect();
  await exited;
  return value;
}
