import type { Pace } from "./pace.js";
import type { Bench, Contender, Figures, Question, Samples } from "./question.js";

/** For so many rounds asked for, at most so many are run. */
const PATIENCE = 2;

/** One turn of every contender, one after the other. */
export interface Round {
  /** By contender. */
  readonly figures: Readonly<Record<string, Figures>>;
  /** By contender. */
  readonly samples: Readonly<Record<string, Samples>>;
  /** ms that the same small computation took before each turn and after the last. */
  readonly checks: readonly number[];
}

/** All that was measured for one question. */
export interface Measured {
  readonly question: Question;
  /** Those that count, as they came. */
  readonly rounds: readonly Round[];
  /** Those that were run while others had the machine, and do not count. */
  readonly discarded: readonly Round[];
  /** How many of `rounds` were disturbed as well, but less: all patience was used up. */
  readonly disturbed: number;
  /** The slowest check of `rounds`, as a multiple of the run's best. */
  readonly slowdown: number;
}

/**
 * Sets a question up, warms every contender up, then lets them take turns: A B A B. A round during which others had the
 * machine is run again. All of it, since contenders are compared round by round.
 */
export async function measure(question: Question, rounds: number, bench: Bench, pace: Pace): Promise<Measured> {
  const contenders = await question.open(bench);
  for (const contender of contenders) await contender.round();
  const run: Round[] = [];
  const quiet = (): number => run.filter(({ checks }) => !pace.disturbed(checks)).length;
  while (run.length < rounds * PATIENCE && quiet() < rounds) run.push(await runRound(contenders, pace));
  for (const contender of contenders) await contender.close?.();
  return { question, ...choose(run, rounds, pace) };
}

async function runRound(contenders: readonly Contender[], pace: Pace): Promise<Round> {
  const figures: Record<string, Figures> = {};
  const samples: Record<string, Samples> = {};
  const checks = [pace.check()];
  for (const contender of contenders) {
    figures[contender.name] = await contender.round();
    checks.push(pace.check());
    const taken = contender.samples?.();
    if (taken !== undefined) samples[contender.name] = taken;
  }
  return { figures, samples, checks };
}

/** The least disturbed rounds count. Figures have no say in it, so that nothing is chosen by how well it went. */
function choose(run: readonly Round[], rounds: number, pace: Pace): Omit<Measured, "question"> {
  const worst = (a: Round, b: Round): number => pace.slowdown(a.checks) - pace.slowdown(b.checks);
  const chosen = new Set(run.toSorted(worst).slice(0, rounds));
  const kept = run.filter((round) => chosen.has(round));
  return {
    rounds: kept,
    discarded: run.filter((round) => !chosen.has(round)),
    disturbed: kept.filter(({ checks }) => pace.disturbed(checks)).length,
    slowdown: pace.slowdown(kept.flatMap(({ checks }) => checks)),
  };
}
