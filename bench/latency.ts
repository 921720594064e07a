import { Baton, type BatonOptions } from "../lib/index.js";
import { Floor, floorCaller } from "./support/floor.js";
import type { Bench, Contender, Figures, Line, Question, Target } from "./support/question.js";
import { percentile } from "./support/stats.js";
import { Same } from "./workers/noop.js";

const HOST = new URL("./processes/baton-host.js", import.meta.url);
const FLOOR_HOST = new URL("./processes/floor-host.js", import.meta.url);

/** Awaits a round. */
const AWAITS = 500;
const AXIS = "one await, ms";

export const twoProcesses: Question = {
  scope: "latency",
  title: "await, two processes, one at a time",
  about:
    "One process inserts a job and awaits it, another runs it. Floor: insert with NOTIFY, claim, completion with " +
    'NOTIFY, by hand on bare pg, without threads. Relaxed: durability "relaxed".',
  lines: [
    ...linesOf("baton", "", "by hand", { on: "ratio", atMost: 1.15 }, { on: "figure", atMost: 4 }),
    ...linesOf("relaxed", "relaxed, ", "by hand", { on: "figure", atMost: 0.96 }),
  ],
  distributions: [{ x: AXIS, of: ["baton", "relaxed", "by hand"].map((side) => [side, "await"]) }],
  open: async (bench) => [
    await batonApart("baton", bench, {}),
    await batonApart("relaxed", bench, { durability: "relaxed" }),
    await floorApart(bench),
  ],
};

/**
 * Two floors: a caller that runs its own job needs no claim, which leaves two durable statements.
 * With a claim there are three.
 */
export const sameProcess: Question = {
  scope: "latency",
  title: "await, same process, one at a time",
  about:
    "One process is caller and host. Floor: insert as already claimed, completion, by hand on bare pg, without threads " +
    'and NOTIFY. Early: delivery "early".',
  lines: [
    ...linesOf("baton", "", "two statements", { on: "figure", atMost: 0.9 }),
    { label: "p50 to insert, claim, complete", unit: "ms", of: ["baton", "p50"], against: ["three statements", "p50"] },
    ...linesOf("early", "early, ", "two statements", { on: "figure", atMost: 0.45 }),
  ],
  distributions: [
    { x: AXIS, of: ["baton", "early", "two statements", "three statements"].map((side) => [side, "await"]) },
  ],
  open: async (bench) => [
    await batonTogether("baton", bench, {}),
    await batonTogether("early", bench, { delivery: "early" }),
    await floorTogether("two statements", bench, (floor, int) => floor.runClaimed(int)),
    await floorTogether("three statements", bench, (floor, int) => floor.runClaiming(int)),
  ],
};

function linesOf(side: string, label: string, floor: string, p50: Target, p99?: Target): Line[] {
  return [
    { label: `${label}p50`, unit: "ms", of: [side, "p50"], against: [floor, "p50"], target: p50 },
    { label: `${label}p99`, unit: "ms", of: [side, "p99"], against: [floor, "p99"], ...(p99 && { target: p99 }) },
  ];
}

async function batonApart(name: string, bench: Bench, options: Partial<BatonOptions>): Promise<Contender> {
  const connection = await bench.database();
  await bench.child(HOST, { connection, queues: { bench: 1 }, threads: 1, ...options });
  return batonContender(name, await new Baton({ connection, ...options }).start());
}

async function batonTogether(name: string, bench: Bench, options: Partial<BatonOptions>): Promise<Contender> {
  const connection = await bench.database();
  const host = { connection, queues: { bench: 1 }, threads: 1, workers: [Same], ...options };
  return batonContender(name, await new Baton(host).start());
}

function batonContender(name: string, baton: Baton): Contender {
  return contender(
    name,
    (int) => baton.call(Same.new({ int })),
    () => baton.stop(),
  );
}

async function floorApart(bench: Bench): Promise<Contender> {
  const url = await bench.database();
  await bench.child(FLOOR_HOST, { url });
  const { call, close } = await floorCaller(url);
  return contender("by hand", call, close);
}

async function floorTogether(
  name: string,
  bench: Bench,
  call: (floor: Floor, int: number) => Promise<number>,
): Promise<Contender> {
  const floor = await Floor.connect(await bench.database());
  return contender(
    name,
    (int) => call(floor, int),
    () => floor.close(),
  );
}

function contender(name: string, call: (int: number) => Promise<number>, close: () => Promise<void>): Contender {
  let times: readonly number[] = [];
  const round = async (): Promise<Figures> => {
    times = await oneAtATime(call);
    return { p50: percentile(times, 50), p99: percentile(times, 99) };
  };
  return { name, round, samples: () => ({ await: times }), close };
}

/** Returns the ms that each await took. */
async function oneAtATime(call: (int: number) => Promise<number>): Promise<number[]> {
  const times: number[] = [];
  for (let int = 0; int < AWAITS; int += 1) {
    const start = performance.now();
    const result = await call(int);
    times.push(performance.now() - start);
    if (result !== int) throw new Error(`Job ${int} came back with ${String(result)}`);
  }
  return times;
}
