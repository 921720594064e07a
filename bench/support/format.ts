import type { Measured } from "./measure.js";
import type { Target } from "./question.js";
import type { Report, Row } from "./report.js";
import type { Summary } from "./stats.js";

/** What was measured, in the words and digits that people read: the same in text and on the page. Pure. */

/** Three digits are all that a measurement is good for. */
export function show(value: number): string {
  if (!Number.isFinite(value)) return "-";
  if (Number.isInteger(value) || Math.abs(value) >= 100) return Math.round(value).toLocaleString("en");
  return value.toFixed(Math.abs(value) >= 10 ? 1 : 2);
}

export function showWith(value: number, unit: string): string {
  return `${show(value)} ${unit}`.trimEnd();
}

export function showRatio(value: number): string {
  return Number.isFinite(value) ? `${value.toFixed(2)}x` : "-";
}

export function showSpread({ min, max }: Summary): string {
  return `${show(min)}-${show(max)}`;
}

export function showTarget({ on, atMost, atLeast }: Target, unit: string): string {
  const of = on === "ratio" ? "x" : ` ${unit}`.trimEnd();
  return atMost === undefined ? `>= ${show(atLeast ?? 0)}${of}` : `<= ${show(atMost)}${of}`;
}

/** "met", or by how much it was missed; nothing where there is no target. */
export function verdict({ met, target, figure, ratio }: Row): string {
  if (met === null || target === null) return "";
  if (met) return "met";
  const value = target.on === "ratio" ? (ratio?.median ?? Number.NaN) : figure.median;
  return `missed by ${show(Math.abs(value - (target.atMost ?? target.atLeast ?? 0)))}`;
}

/** What it was measured on and how, one fact a line. */
export function circumstances({ environment, rounds, measured }: Report): string[] {
  const { baton, node, platform, cores, cpu, postgres, load } = environment;
  const server = postgres
    ? `PostgreSQL ${postgres.version} (${postgres.source}), fsync ${postgres.fsync}, synchronous_commit ${postgres.synchronousCommit}`
    : "no PostgreSQL";
  const discarded = measured.reduce((sum, one) => sum + one.discarded.length, 0);
  return [
    `pg-baton ${baton}, Node.js ${node}, ${platform}, ${cores} cores (${cpu})`,
    server,
    `medians of ${plural(rounds, "round")}, in turns with the floor after a warm-up; load average ${load.before.toFixed(1)} before, ${load.after.toFixed(1)} after`,
    `${plural(discarded, "round")} discarded, since others had the machine`,
  ];
}

/** How others who used the machine meddled with a question; nothing where they did not. */
export function disturbance({ rounds, discarded, disturbed, slowdown }: Measured): string {
  const repeated = discarded.length > 0 ? `${plural(discarded.length, "round")} discarded` : "";
  const kept = `DISTURBED: ${disturbed} of the ${plural(rounds.length, "round")} that count, the same computation took up to ${Math.round((slowdown - 1) * 100)} % longer than at best`;
  return [repeated, disturbed > 0 ? kept : ""].filter(Boolean).join("; ");
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
