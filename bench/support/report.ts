import type { Environment } from "./environment.js";
import type { Measured } from "./measure.js";
import type { Figures, Line, Target } from "./question.js";
import { ratios, type Summary, summarize } from "./stats.js";
import { table } from "./table.js";

/** What one line of the report came to. */
export interface Row {
  readonly scope: string;
  readonly question: string;
  readonly label: string;
  readonly unit: string;
  readonly figure: Summary;
  /** The floor's figure, and by how much the product's is larger; null where there is no floor. */
  readonly floor: Summary | null;
  readonly ratio: Summary | null;
  readonly target: Target | null;
  /** null where there is no target. */
  readonly met: boolean | null;
}

/** All of a run. */
export interface Report {
  readonly environment: Environment;
  readonly rounds: number;
  readonly measured: readonly Measured[];
}

/** Apart by more than this, the CPU checks say that somebody else had the machine. */
const DISTURBED = 1.15;

export function rowsOf({ question, rounds }: Measured): Row[] {
  const { scope, title } = question;
  return question.lines.map((line) => ({ scope, question: title, ...rowOf(line, rounds) }));
}

function rowOf({ label, unit, of, against, target }: Line, rounds: Measured["rounds"]) {
  const figures = seriesOf(rounds, of);
  const floors = against && seriesOf(rounds, against);
  const figure = summarize(figures);
  const ratio = floors ? summarize(ratios(figures, floors)) : null;
  return {
    label,
    unit,
    figure,
    floor: floors ? summarize(floors) : null,
    ratio,
    target: target ?? null,
    met: target ? meets(target, figure, ratio) : null,
  };
}

function seriesOf(rounds: Measured["rounds"], [contender, figure]: readonly [string, string]): number[] {
  return (rounds[contender] ?? []).map((round: Figures) => round[figure] ?? Number.NaN);
}

function meets({ on, atMost, atLeast }: Target, figure: Summary, ratio: Summary | null): boolean {
  const value = on === "ratio" ? (ratio?.median ?? Number.NaN) : figure.median;
  return value <= (atMost ?? Number.POSITIVE_INFINITY) && value >= (atLeast ?? Number.NEGATIVE_INFINITY);
}

/** Whether the machine was somebody else's for some of the time. */
export function disturbed({ cpuChecks }: Measured): boolean {
  return Math.max(...cpuChecks) > Math.min(...cpuChecks) * DISTURBED;
}

/** Everything, for programs: the raw figures of every round, and what they came to. */
export function jsonReport({ environment, rounds, measured }: Report): string {
  const questions = measured.map((one) => ({
    scope: one.question.scope,
    title: one.question.title,
    about: one.question.about,
    rows: rowsOf(one),
    rounds: one.rounds,
    cpuChecks: one.cpuChecks,
    disturbed: disturbed(one),
  }));
  return `${JSON.stringify({ environment, rounds, questions }, null, 2)}\n`;
}

/** One table, for people. */
export function textReport(report: Report): string {
  const rows = report.measured.flatMap((measured) => [
    [measured.question.title],
    ...rowsOf(measured).map((row) => [
      `  ${row.label}`,
      `${show(row.figure.median)} ${row.unit}`.trim(),
      spread(row.figure),
      row.floor ? `${show(row.floor.median)} ${row.unit}` : "",
      row.ratio ? `${row.ratio.median.toFixed(2)}x` : "",
      row.ratio ? spread(row.ratio) : "",
      row.target ? showTarget(row.target, row.unit) : "",
      verdict(row),
    ]),
  ]);
  const head = ["", "measured", "min-max", "floor", "ratio", "min-max", "target", ""];
  return `${heading(report)}\n\n${table([head, ...rows])}\n${notes(report)}`;
}

function heading({ environment, rounds }: Report): string {
  const { baton, node, platform, cores, cpu, postgres, load } = environment;
  const server = postgres
    ? `PostgreSQL ${postgres.version} (${postgres.source}), fsync ${postgres.fsync}, synchronous_commit ${postgres.synchronousCommit}`
    : "no PostgreSQL";
  return [
    `pg-baton ${baton}, Node.js ${node}, ${platform}, ${cores} cores (${cpu})`,
    server,
    `medians of ${rounds} rounds, in turns with the floor after a warm-up; load average ${load.before.toFixed(1)} before, ${load.after.toFixed(1)} after`,
  ].join("\n");
}

function notes({ measured }: Report): string {
  const lines = measured.map(({ question: { title, about } }) => `${title}: ${about}`);
  const noisy = measured.filter(disturbed).map(({ question: { title }, cpuChecks }) => {
    const apart = Math.round((Math.max(...cpuChecks) / Math.min(...cpuChecks) - 1) * 100);
    return `DISTURBED  ${title}: the same computation took up to ${apart} % longer between rounds, others use this machine`;
  });
  return ["", ...lines, ...noisy, ""].join("\n");
}

function verdict({ met, target, figure, ratio }: Row): string {
  if (met === null || target === null) return "";
  if (met) return "met";
  const value = target.on === "ratio" ? (ratio?.median ?? Number.NaN) : figure.median;
  return `missed by ${show(Math.abs(value - (target.atMost ?? target.atLeast ?? 0)))}`;
}

function showTarget({ on, atMost, atLeast }: Target, unit: string): string {
  const of = on === "ratio" ? "x" : ` ${unit}`.trimEnd();
  return atMost === undefined ? `>= ${show(atLeast ?? 0)}${of}` : `<= ${show(atMost)}${of}`;
}

function spread({ min, max }: Summary): string {
  return `${show(min)}-${show(max)}`;
}

/** Three digits are all that a measurement is good for. */
function show(value: number): string {
  if (Number.isInteger(value) || Math.abs(value) >= 100) return Math.round(value).toLocaleString("en");
  return value.toFixed(Math.abs(value) >= 10 ? 1 : 2);
}
