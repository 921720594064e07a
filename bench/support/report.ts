import type { Environment } from "./environment.js";
import type { Measured, Round } from "./measure.js";
import type { FigureOf, Line, Target } from "./question.js";
import { ratios, type Summary, summarize } from "./stats.js";

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
  /** As asked for. */
  readonly rounds: number;
  readonly measured: readonly Measured[];
}

export function rowsOf({ question, rounds }: Measured): Row[] {
  const { scope, title } = question;
  return question.lines.map((line) => ({ scope, question: title, ...rowOf(line, rounds) }));
}

function rowOf({ label, unit, of, against, target }: Line, rounds: readonly Round[]) {
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

/** A figure, round by round; NaN where a round has none. */
export function seriesOf(rounds: readonly Round[], [contender, figure]: FigureOf): number[] {
  return rounds.map(({ figures }) => figures[contender]?.[figure] ?? Number.NaN);
}

function meets({ on, atMost, atLeast }: Target, figure: Summary, ratio: Summary | null): boolean {
  const value = on === "ratio" ? (ratio?.median ?? Number.NaN) : figure.median;
  return value <= (atMost ?? Number.POSITIVE_INFINITY) && value >= (atLeast ?? Number.NEGATIVE_INFINITY);
}

/** Everything but the samples, for programs: the raw figures of every round, and what they came to. */
export function jsonReport({ environment, rounds, measured }: Report): string {
  const questions = measured.map((one) => ({
    scope: one.question.scope,
    title: one.question.title,
    about: one.question.about,
    rows: rowsOf(one),
    rounds: one.rounds.map(rawOf),
    discarded: one.discarded.map(rawOf),
    disturbed: one.disturbed,
    slowdown: one.slowdown,
  }));
  return `${JSON.stringify({ environment, rounds, questions }, null, 2)}\n`;
}

function rawOf({ figures, checks }: Round) {
  return { figures, checks };
}
