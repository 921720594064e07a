import type { Measured, Round } from "../../bench/support/measure.js";
import type { Line, Question } from "../../bench/support/question.js";
import type { Report } from "../../bench/support/report.js";

/** Three rounds of two sides, as if they had been measured. */
export function measured(lines: readonly Line[], more: Partial<Question> = {}): Measured {
  const question = { scope: "latency" as const, title: "await", about: "how", lines, open: async () => [], ...more };
  const rounds = [round(3, 4_000, 2), round(12, 6_000, 4), round(4, 4_500, 2)];
  return { question, rounds, discarded: [], disturbed: 0, slowdown: 1 };
}

function round(p50: number, jobs: number, floor: number): Round {
  return {
    figures: { baton: { p50, jobs }, "by hand": { p50: floor } },
    samples: { baton: { await: [p50 - 1, p50, p50 + 1] } },
    checks: [10, 10],
  };
}

export function report(...all: Measured[]): Report {
  const environment = {
    baton: "0.1.0",
    node: "v20.19.0",
    platform: "linux x64",
    cores: 2,
    cpu: "some",
    postgres: null,
    load: { before: 0.5, after: 1 },
  };
  return { bench: "floors", date: "2026-01-02", environment, rounds: 3, measured: all, notes: [] };
}
