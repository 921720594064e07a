import { Baton } from "../lib/index.js";
import type { Bench, Contender, Figures, Question } from "./support/question.js";
import { THREADS, throughBaton, throughPiscina } from "./support/sides.js";
import { percentile } from "./support/stats.js";
import { Noop, Same } from "./workers/noop.js";

const HOST = new URL("./processes/baton-host.js", import.meta.url);

const IN_FLIGHT = 100;
/** Awaits a round. */
const AWAITS = 5_000;
/** Jobs a round, where nobody awaits. */
const JOBS = 20_000;

export const inFlight: Question = {
  scope: "throughput",
  title: `${IN_FLIGHT} awaits in flight, two processes`,
  about: `A keeps ${IN_FLIGHT} awaits open, ${AWAITS} in all, B runs the jobs in threads. Lost: not answered, or with another's result.`,
  lines: [
    {
      label: "results",
      unit: "/s",
      of: ["baton", "results"],
      target: { on: "figure", atLeast: 1_500 },
    },
    { label: "p99", unit: "ms", of: ["baton", "p99"] },
    { label: "lost", unit: "", of: ["baton", "lost"], target: { on: "figure", atMost: 0 } },
  ],
  distributions: [{ x: "one await, ms", of: [["baton", "await"]] }],
  open: async (bench) => [await awaiting(bench)],
};

export const noops: Question = {
  scope: "throughput",
  title: `${JOBS.toLocaleString("en")} no-op jobs, one host`,
  about:
    "All inserted at once, nobody awaits; from the first claim to the last completion. Beside it bare Piscina: threads alone, nothing persistent.",
  lines: [
    {
      label: "jobs",
      unit: "/s",
      of: ["baton", "jobs"],
      against: ["piscina", "jobs"],
      target: { on: "figure", atLeast: 5_000 },
    },
    { label: "host's event-loop delay p99", unit: "ms", of: ["baton", "loopDelay"], against: ["piscina", "loopDelay"] },
  ],
  open: async (bench) => [
    await throughBaton(bench, JOBS, () => Noop.new()),
    await throughPiscina(bench, JOBS, "noop", {}),
  ],
};

async function awaiting(bench: Bench): Promise<Contender> {
  const connection = await bench.database();
  await bench.child(HOST, { connection, queues: { bench: IN_FLIGHT }, threads: THREADS });
  const baton = await new Baton({ connection }).start();
  const samples: number[] = [];
  const round = (): Promise<Figures> => {
    samples.length = 0;
    return keepInFlight(baton, samples);
  };
  return { name: "baton", round, samples: () => ({ await: [...samples] }), close: () => baton.stop() };
}

async function keepInFlight(baton: Baton, samples: number[]): Promise<Figures> {
  let next = 0;
  let lost = 0;
  const line = async (): Promise<void> => {
    while (next < AWAITS) {
      const int = next;
      next += 1;
      const start = performance.now();
      const result = await baton.await(await baton.async(Same.new({ int })), 10_000);
      samples.push(performance.now() - start);
      if (!result.ok || result.value !== int) lost += 1;
    }
  };
  const start = performance.now();
  await Promise.all(Array.from({ length: IN_FLIGHT }, line));
  const seconds = (performance.now() - start) / 1_000;
  return { results: (AWAITS - lost) / seconds, p50: percentile(samples, 50), p99: percentile(samples, 99), lost };
}
