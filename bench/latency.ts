import { Baton } from "../lib/index.js";
import { Floor, readReply, REPLIES } from "./support/floor.js";
import type { Bench, Contender, Figures, Question } from "./support/question.js";
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
    "A inserts a job, B runs it, A gets the result. Floor: insert with NOTIFY, claim, completion with NOTIFY, by hand on bare pg, no threads.",
  lines: [
    {
      label: "p50",
      unit: "ms",
      of: ["baton", "p50"],
      against: ["by hand", "p50"],
      target: { on: "ratio", atMost: 2 },
    },
    {
      label: "p99",
      unit: "ms",
      of: ["baton", "p99"],
      against: ["by hand", "p99"],
      target: { on: "figure", atMost: 10 },
    },
  ],
  distributions: [{ x: AXIS, of: ["baton", "by hand"].map((side) => [side, "await"]) }],
  open: async (bench) => [await batonApart(bench), await floorApart(bench)],
};

/**
 * Two floors, since a caller that runs its own job needs no claim: two durable statements, and beside it the three of a
 * caller that goes by the table.
 */
export const sameProcess: Question = {
  scope: "latency",
  title: "await, same process, one at a time",
  about:
    "Caller and host are one. Floor: insert as already claimed, completion, by hand on bare pg, no threads, no NOTIFY.",
  lines: [
    {
      label: "p50",
      unit: "ms",
      of: ["baton", "p50"],
      against: ["two statements", "p50"],
      target: { on: "ratio", atMost: 1.5 },
    },
    { label: "p99", unit: "ms", of: ["baton", "p99"], against: ["two statements", "p99"] },
    { label: "p50 to insert, claim, complete", unit: "ms", of: ["baton", "p50"], against: ["three statements", "p50"] },
  ],
  distributions: [{ x: AXIS, of: ["baton", "two statements", "three statements"].map((side) => [side, "await"]) }],
  open: async (bench) => [
    await batonTogether(bench),
    await floorTogether("two statements", bench, (floor, int) => floor.runClaimed(int)),
    await floorTogether("three statements", bench, (floor, int) => floor.runClaiming(int)),
  ],
};

async function batonApart(bench: Bench): Promise<Contender> {
  const connection = await bench.database();
  await bench.child(HOST, { connection, queues: { bench: 1 }, threads: 1 });
  return batonContender(await new Baton({ connection }).start());
}

async function batonTogether(bench: Bench): Promise<Contender> {
  const connection = await bench.database();
  return batonContender(await new Baton({ connection, queues: { bench: 1 }, threads: 1, workers: [Same] }).start());
}

function batonContender(baton: Baton): Contender {
  return contender(
    "baton",
    (int) => baton.call(Same.new({ int })),
    () => baton.stop(),
  );
}

async function floorApart(bench: Bench): Promise<Contender> {
  const url = await bench.database();
  await bench.child(FLOOR_HOST, { url });
  const [listening, working] = [await Floor.connect(url), await Floor.connect(url)];
  // A result may come before the reply to its insert does.
  let heard: (int: number) => void = () => {};
  await listening.listen(REPLIES, (payload) => heard(readReply(payload).int));
  const call = (int: number): Promise<number> =>
    new Promise((resolve, reject) => {
      heard = resolve;
      working.submit(int).catch(reject);
    });
  const close = async () => void (await Promise.all([listening.close(), working.close()]));
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

/** Resolves to the ms that each await took. */
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
