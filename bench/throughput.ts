import type { Question } from "./support/question.js";
import { throughBaton, throughPiscina } from "./support/sides.js";
import { Noop, Tiny } from "./workers/noop.js";

/** Jobs of a round. */
const JOBS = 20_000;

export const noops: Question = {
  scope: "throughput",
  title: `${JOBS.toLocaleString("en")} no-op jobs, one host`,
  about:
    "All jobs are inserted at once and awaited by nobody; the time is from the first claim to the last completion. " +
    "Floor: bare Piscina, threads without any persistence.",
  lines: [
    {
      label: "jobs",
      unit: "/s",
      of: ["baton", "jobs"],
      against: ["piscina", "jobs"],
      target: { on: "figure", atLeast: 13_500 },
    },
    {
      label: "jobs, up to 100 a message",
      unit: "/s",
      of: ["batched", "jobs"],
      against: ["piscina", "jobs"],
      target: { on: "figure", atLeast: 30_000 },
    },
    { label: "host's event-loop delay p99", unit: "ms", of: ["baton", "loopDelay"], against: ["piscina", "loopDelay"] },
  ],
  open: async (bench) => [
    await throughBaton(bench, JOBS, () => Noop.new()),
    await throughBaton(bench, JOBS, () => Tiny.new(), "batched"),
    await throughPiscina(bench, JOBS, "noop", {}),
  ],
};
