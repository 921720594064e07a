import type { Environment } from "./environment.js";
import type { Measured, Round } from "./measure.js";
import type { FigureOf, Line, Target } from "./question.js";
import { type Summary, summarize } from "./stats.js";

/** One line of a question, with its figures. */
export interface Row {
  readonly label: string;
  readonly unit: string;
  readonly of: FigureOf;
  readonly figure: Summary;
  /** null without a floor. */
  readonly floor: Summary | null;
  /** The figure divided by the floor's, round by round; null without a floor. */
  readonly ratio: Summary | null;
  readonly target: Target | null;
  /** null without a target. */
  readonly met: boolean | null;
}

/** A whole run. */
export interface Report {
  /** What Baton is compared with: floors written by hand, its peers, or another build. */
  readonly bench: "floors" | "peers" | "pairs";
  /** YYYY-MM-DD. */
  readonly date: string;
  readonly environment: Environment;
  /** The number asked for. */
  readonly rounds: number;
  readonly measured: readonly Measured[];
  /** Further remarks, one a line. */
  readonly notes: readonly string[];
}

/** A question as it is stored, without rounds. */
export interface StoredQuestion {
  readonly scope: string;
  readonly title: string;
  readonly about: string;
  readonly rows: readonly Row[];
}

/** A report as it is stored: what the JSON reporter prints. */
export interface Stored extends Omit<Report, "measured"> {
  readonly questions: readonly StoredQuestion[];
}

export function rowsOf({ question, rounds }: Measured): Row[] {
  return question.lines.map((line) => rowOf(line, rounds));
}

function rowOf({ label, unit, of, against, target }: Line, rounds: readonly Round[]): Row {
  const figures = seriesOf(rounds, of);
  const floors = against ? seriesOf(rounds, against) : null;
  const figure = summarize(figures);
  // Round by round, since a disturbance affects all contenders of its round.
  const ratio = floors && summarize(figures.map((value, round) => value / (floors[round] ?? Number.NaN)));
  const met = target ? meets(target, (target.on === "ratio" ? ratio : figure)?.median) : null;
  return { label, unit, of, figure, floor: floors && summarize(floors), ratio, target: target ?? null, met };
}

/** A figure, round by round; NaN for a round without it. */
export function seriesOf(rounds: readonly Round[], [contender, figure]: FigureOf): number[] {
  return rounds.map(({ figures }) => figures[contender]?.[figure] ?? Number.NaN);
}

function meets({ atMost = Number.POSITIVE_INFINITY, atLeast = Number.NEGATIVE_INFINITY }: Target, value = Number.NaN) {
  return value <= atMost && value >= atLeast;
}

/** Everything but the samples, for programs: the rows, and the raw figures of every round. */
export function jsonReport({ measured, ...rest }: Report): string {
  const questions = measured.map(({ question, rounds, discarded, disturbed, slowdown }) => ({
    scope: question.scope,
    title: question.title,
    about: question.about,
    rows: rowsOf({ question, rounds, discarded, disturbed, slowdown }),
    rounds: rounds.map(rawOf),
    discarded: discarded.map(rawOf),
    disturbed,
    slowdown,
  }));
  return `${JSON.stringify({ ...rest, questions }, null, 2)}\n`;
}

function rawOf({ figures, checks }: Round) {
  return { figures, checks };
}
