import pg from "pg";
import { Baton } from "../lib/index.js";
import { keepInFlight } from "./support/in-flight.js";
import type { Bench, Contender, Question } from "./support/question.js";
import { THREADS } from "./support/sides.js";
import { Same } from "./workers/noop.js";

const HOST = new URL("./processes/baton-host.js", import.meta.url);
const LISTENERS = new URL("./processes/listeners.js", import.meta.url);

/** Finished rows, and rows that wait in another queue. BENCH_ROWS makes a smaller table. */
const FINISHED = Number(process.env["BENCH_ROWS"] ?? 1_000_000);
const WAITING = FINISHED / 10;
const ONE_BY_ONE = 300;
const MANY = 5_000;
const OPEN = 100;

const FILL = `insert into baton.jobs (queue, worker, state, claim, attempt, ref, attempted_by, finished_at, result)
  select case when n > $1 then 'other' else 'bench' end, 'same', case when n > $1 then 1 else 4 end, 1, 1, gen_random_uuid(), 'x',
    case when n <= $1 then now() end, '\\x6f2d' from generate_series(1, $1::int + $2::int) n`;

export const fullTable: Question = {
  scope: "scale",
  title: `a table of ${FINISHED.toLocaleString("en")} finished and ${WAITING.toLocaleString("en")} waiting rows`,
  about: "Two processes; the waiting rows are in another queue. Floor: the same on an empty table.",
  lines: [
    {
      label: "p50, one at a time",
      unit: "ms",
      of: ["full", "p50"],
      against: ["empty", "p50"],
      target: { on: "ratio", atMost: 1.15 },
    },
    {
      label: `${OPEN} in flight`,
      unit: "/s",
      of: ["full", "results"],
      against: ["empty", "results"],
      target: { on: "ratio", atLeast: 1 / 1.15 },
    },
  ],
  open: async (bench) => [await apart(bench, "full", true), await apart(bench, "empty", false)],
};

/** Idle Batons that listen beside the two that work; up to 25 share a process. */
const CROWDS = [0, 10, 100] as const;
const A_PROCESS = 25;

export const listeners: Question = {
  scope: "scale",
  title: "hosts that listen",
  about:
    `${OPEN} awaits in flight between two processes, while this many more Batons listen to the same database and do ` +
    "nothing.",
  lines: CROWDS.map((crowd) => ({
    label: `${crowd} more`,
    unit: "/s",
    of: [nameOf(crowd), "results"],
    ...(crowd > 0 && { against: [nameOf(0), "results"] as const, target: { on: "ratio", atLeast: 0.5 } as const }),
  })),
  curves: {
    axes: { x: "more hosts", y: "results/s", xScale: "linear", yScale: "linear" },
    of: [{ label: "baton", points: CROWDS.map((crowd) => ({ x: crowd, of: [nameOf(crowd), "results"] })) }],
  },
  open: (bench) => Promise.all(CROWDS.map((crowd) => crowded(bench, crowd))),
};

function nameOf(crowd: number): string {
  return `${crowd} listening`;
}

async function apart(bench: Bench, name: string, fill: boolean): Promise<Contender> {
  const connection = await bench.database();
  const caller = await new Baton({ connection }).start();
  if (fill) {
    const sql = new pg.Client(connection);
    await sql.connect();
    await sql.query(FILL, [FINISHED, WAITING]);
    await sql.query("vacuum analyze baton.jobs");
    await sql.end();
  }
  await bench.child(HOST, { connection, queues: { bench: OPEN }, threads: THREADS });
  const call = callOf(caller);
  const round = async (): Promise<{ p50: number; results: number }> => {
    const { p50 } = await keepInFlight(1, ONE_BY_ONE, call);
    const { results } = await keepInFlight(OPEN, MANY, call);
    return { p50, results };
  };
  return { name, round, close: () => caller.stop() };
}

async function crowded(bench: Bench, crowd: number): Promise<Contender> {
  const connection = await bench.database();
  const caller = await new Baton({ connection }).start();
  await bench.child(HOST, { connection, queues: { bench: OPEN }, threads: THREADS });
  for (let at = 0; at < crowd; at += A_PROCESS) {
    await bench.child(LISTENERS, { connection, count: Math.min(A_PROCESS, crowd - at) });
  }
  const call = callOf(caller);
  const round = async (): Promise<{ results: number }> => {
    const { results } = await keepInFlight(OPEN, MANY, call);
    return { results };
  };
  return { name: nameOf(crowd), round, close: () => caller.stop() };
}

function callOf(caller: Baton): (int: number) => Promise<boolean> {
  return async (int) => (await caller.call(Same.new({ int }), 20_000)) === int;
}
