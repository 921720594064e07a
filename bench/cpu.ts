import { burnRounds } from "./support/cpu-check.js";
import type { Question } from "./support/question.js";
import { THREADS, throughBaton, throughPiscina } from "./support/sides.js";
import { Burn } from "./workers/burn.js";

/** Jobs a round, and about how many ms each takes when it has a core to itself. */
const JOBS = 400;
const JOB_MS = 10;

export const cpuBound: Question = {
  scope: "cpu",
  title: `${JOBS} jobs of about ${JOB_MS} ms`,
  about: `The same function with the same args in ${THREADS} threads, through Baton (all inserted at once) and through bare Piscina. The loop delay is what a 1 ms timer in the host's process saw, less that ms.`,
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
    const args = { rounds: burnRounds(JOB_MS) };
    return [await throughBaton(bench, JOBS, () => Burn.new(args)), await throughPiscina(bench, JOBS, "burn", args)];
  },
};
