import { Baton } from "../lib/index.js";
import { keepInFlight } from "./support/in-flight.js";
import type { Question, Target } from "./support/question.js";
import { percentile } from "./support/stats.js";
import { Bytes } from "./workers/bytes.js";
import { Same } from "./workers/noop.js";

const HOST = new URL("./processes/baton-host.js", import.meta.url);
const MIB = 1_048_576;

/** Bytes of a result, awaits of a round, and the target. */
const SIZES: readonly { readonly bytes: number; readonly awaits: number; readonly target?: Target }[] = [
  { bytes: 100, awaits: 200 },
  { bytes: 5_900, awaits: 200 },
  { bytes: 8_000, awaits: 200 },
  { bytes: 100_000, awaits: 100 },
  { bytes: MIB, awaits: 30 },
  { bytes: 10 * MIB, awaits: 10, target: { on: "figure", atMost: 150 } },
];
/** For the time of the main thread: this many results of this size, less as many numbers. */
const SMALL = 5_900;
const MANY = 1_000;
const TURNS = 5;
const OPEN = 100;

export const sizes: Question = {
  scope: "size",
  title: "results by size, two processes, one at a time",
  about:
    "Random bytes, which do not compress; resultLimit is 64 MiB. Main thread: time of the host's event loop a job with " +
    `${OPEN} in flight and results of ${SMALL.toLocaleString("en")} bytes, less the same with a number.`,
  lines: [
    ...SIZES.map(({ bytes, target }) => ({
      label: `${bytes.toLocaleString("en")} bytes, p50`,
      unit: "ms",
      of: ["baton", `p50 ${bytes}`] as const,
      ...(target && { target }),
    })),
    {
      label: `host's main thread for ${SMALL.toLocaleString("en")} bytes`,
      unit: "µs",
      of: ["baton", "main"] as const,
      target: { on: "figure", atMost: 40 } as const,
    },
  ],
  curves: {
    axes: { x: "bytes", y: "ms", xScale: "log", yScale: "log" },
    of: [{ label: "baton", points: SIZES.map(({ bytes }) => ({ x: bytes, of: ["baton", `p50 ${bytes}`] })) }],
  },
  open: async (bench) => {
    const connection = await bench.database();
    const host = await bench.child(HOST, { connection, queues: { bench: OPEN }, threads: 1, resultLimit: 64 * MIB });
    const caller = await new Baton({ connection, resultLimit: 64 * MIB }).start();
    const fetch = async (size: number): Promise<boolean> => (await caller.call(Bytes.new({ size }))).length === size;
    const echo = async (int: number): Promise<boolean> => (await caller.call(Same.new({ int }))) === int;
    /** µs of the host's event loop a job. */
    const busy = async (call: (int: number) => Promise<boolean>): Promise<number> => {
      await host.ask("start");
      const { lost } = await keepInFlight(OPEN, MANY, call);
      if (lost > 0) throw new Error(`${lost} results were wrong`);
      return ((await host.ask<number>("busy")) * 1_000) / MANY;
    };
    const round = async (): Promise<Record<string, number>> => {
      const figures: Record<string, number> = {};
      for (const { bytes, awaits } of SIZES) {
        const samples: number[] = [];
        for (let at = 0; at < awaits; at += 1) {
          const start = performance.now();
          if (!(await fetch(bytes))) throw new Error(`A result of ${bytes} bytes came back with another length`);
          samples.push(performance.now() - start);
        }
        figures[`p50 ${bytes}`] = percentile(samples, 50);
      }
      // In turns, since disturbances are larger than the difference.
      const more: number[] = [];
      for (let turn = 0; turn < TURNS; turn += 1) more.push(-(await busy(echo)) + (await busy(() => fetch(SMALL))));
      return { ...figures, main: percentile(more, 50) };
    };
    return [{ name: "baton", round, close: () => caller.stop() }];
  },
};
