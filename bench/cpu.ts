import { burnRounds } from "./support/machine-speed.js";
import type { Question } from "./support/question.js";
import { THREADS, throughBaton, throughPiscina } from "./support/sides.js";
import { Burn } from "./workers/burn.js";

/** ms of a job that has a core to itself, and the jobs of a round: about two seconds of work. */
const KINDS = [
  { ms: 1, jobs: 4_000 },
  { ms: 10, jobs: 400 },
  { ms: 100, jobs: 40 },
] as const;

export const cpuBound: readonly Question[] = KINDS.map(({ ms, jobs }) => ({
  scope: "cpu",
  title: `${jobs.toLocaleString("en")} jobs of about ${ms} ms`,
  about:
    `The same function with the same args in ${THREADS} threads, through Baton (all inserted at once) and through ` +
    "bare Piscina. The event-loop delay is that of a 1 ms timer in the host's process.",
  lines: [
    {
      label: "jobs",
      unit: "/s",
      of: ["baton", "jobs"],
      against: ["piscina", "jobs"],
      target: { on: "ratio", atLeast: 0.98 },
    },
    {
      label: "host's event-loop delay p99",
      unit: "ms",
      of: ["baton", "loopDelay"],
      against: ["piscina", "loopDelay"],
      target: { on: "figure", atMost: 1 },
    },
  ],
  open: async (bench) => {
    const args = { rounds: burnRounds(ms) };
    return [await throughBaton(bench, jobs, () => Burn.new(args)), await throughPiscina(bench, jobs, "burn", args)];
  },
}));
