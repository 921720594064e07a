import { Baton } from "../lib/index.js";
import { batchedFloorCaller } from "./support/batched-floor.js";
import { keepInFlight } from "./support/in-flight.js";
import type { Bench, Contender, Figures, Question, Target } from "./support/question.js";
import { THREADS } from "./support/sides.js";
import { Same } from "./workers/noop.js";

const HOST = new URL("./processes/baton-host.js", import.meta.url);
const FLOOR_HOST = new URL("./processes/batched-floor-host.js", import.meta.url);

/** Awaits open at a time, awaits of a round, and the target. */
const LEVELS: readonly { readonly open: number; readonly awaits: number; readonly target?: Target }[] = [
  { open: 10, awaits: 2_000 },
  { open: 100, awaits: 5_000, target: { on: "figure", atLeast: 7_000 } },
  { open: 1_000, awaits: 10_000, target: { on: "figure", atLeast: 9_000 } },
];

export const inFlight: Question = {
  scope: "inflight",
  title: "awaits in flight, two processes",
  about:
    "One process keeps this many awaits open, another runs the jobs in threads. Lost: no answer, or another job's " +
    "result. Floor: batches by hand on bare pg, with jobs in the event loop.",
  lines: LEVELS.flatMap(({ open, target }) => [
    {
      label: `${open.toLocaleString("en")} in flight`,
      unit: "/s",
      of: ["baton", `results ${open}`] as const,
      against: ["by hand", `results ${open}`] as const,
      ...(target && { target }),
    },
    { label: "p99", unit: "ms", of: ["baton", `p99 ${open}`] as const, against: ["by hand", `p99 ${open}`] as const },
    { label: "lost", unit: "", of: ["baton", `lost ${open}`] as const, target: { on: "figure", atMost: 0 } as const },
  ]),
  curves: {
    axes: { x: "awaits in flight", y: "results/s", xScale: "log", yScale: "log" },
    of: ["baton", "by hand"].map((contender) => ({
      label: contender,
      points: LEVELS.map(({ open }) => ({ x: open, of: [contender, `results ${open}`] as const })),
    })),
  },
  distributions: LEVELS.map(({ open }) => ({
    x: `one await with ${open.toLocaleString("en")} in flight, ms`,
    of: ["baton", "by hand"].map((side) => [side, `times ${open}`] as const),
  })),
  open: async (bench) => [await baton(bench), await byHand(bench)],
};

async function baton(bench: Bench): Promise<Contender> {
  const connection = await bench.database();
  await bench.child(HOST, { connection, queues: { bench: 100 }, threads: THREADS });
  const caller = await new Baton({ connection }).start();
  const call = async (int: number): Promise<boolean> => {
    const result = await caller.await(await caller.async(Same.new({ int })), 10_000);
    return result.ok && result.value === int;
  };
  return contender("baton", call, () => caller.stop());
}

async function byHand(bench: Bench): Promise<Contender> {
  const url = await bench.database();
  await bench.child(FLOOR_HOST, { url });
  const { call, close } = await batchedFloorCaller(url);
  return contender("by hand", async (int) => (await call(int)) === int, close);
}

/** Each round measures one level after the other. */
function contender(name: string, call: (int: number) => Promise<boolean>, close: () => Promise<void>): Contender {
  const samples: Record<string, readonly number[]> = {};
  const round = async (): Promise<Figures> => {
    const figures: Record<string, number> = {};
    for (const { open, awaits } of LEVELS) {
      const { results, p99, lost, times } = await keepInFlight(open, awaits, call);
      Object.assign(figures, { [`results ${open}`]: results, [`p99 ${open}`]: p99, [`lost ${open}`]: lost });
      samples[`times ${open}`] = times;
    }
    return figures;
  };
  return { name, round, samples: () => ({ ...samples }), close };
}
