import type { MachineSpeed } from "./machine-speed.js";
import type { Bench, Contender, Figures, Question, Samples } from "./question.js";

/** The bench runs at most this many times the rounds asked for. */
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

/** A question with all its rounds. */
export interface Measured {
  readonly question: Question;
  /** The rounds that count, in the order in which they ran. */
  readonly rounds: readonly Round[];
  /** Rounds that do not count, because other programs had the machine meanwhile. */
  readonly discarded: readonly Round[];
  /** How many of `rounds` were disturbed too, but less than the discarded ones. */
  readonly disturbed: number;
  /** The slowest check of `rounds`, as a multiple of the run's best. */
  readonly slowdown: number;
}

/**
 * Sets a question up, warms every contender up, then lets them take turns: A B A B. A round during
 * which other programs had the machine runs again as a whole, since contenders are compared round
 * by round.
 */
export async function measure(
  question: Question,
  rounds: number,
  bench: Bench,
  speed: MachineSpeed,
): Promise<Measured> {
  const contenders = await question.open(bench);
  const ran: Round[] = [];
  const quiet = (): number => ran.filter(({ checks }) => !speed.disturbed(checks)).length;
  try {
    for (const contender of contenders) await (contender.warmUp ? contender.warmUp() : contender.round());
    while (ran.length < rounds * PATIENCE && quiet() < rounds) {
      const first = question.rotate === true ? ran.length % contenders.length : 0;
      ran.push(await runRound([...contenders.slice(first), ...contenders.slice(0, first)], speed));
    }
  } finally {
    for (const contender of contenders) await contender.close?.();
  }
  return { question, ...choose(ran, rounds, speed) };
}

async function runRound(contenders: readonly Contender[], speed: MachineSpeed): Promise<Round> {
  const figures: Record<string, Figures> = {};
  const samples: Record<string, Samples> = {};
  const checks = [speed.check()];
  for (const contender of contenders) {
    figures[contender.name] = await contender.round();
    checks.push(speed.check());
    const taken = contender.samples?.();
    if (taken !== undefined) samples[contender.name] = taken;
  }
  return { figures, samples, checks };
}

/** Keeps the least disturbed rounds. It never looks at their figures. */
function choose(ran: readonly Round[], rounds: number, speed: MachineSpeed): Omit<Measured, "question"> {
  const byDisturbance = (a: Round, b: Round): number => speed.slowdown(a.checks) - speed.slowdown(b.checks);
  const chosen = new Set(ran.toSorted(byDisturbance).slice(0, rounds));
  const kept = ran.filter((round) => chosen.has(round));
  return {
    rounds: kept,
    discarded: ran.filter((round) => !chosen.has(round)),
    disturbed: kept.filter(({ checks }) => speed.disturbed(checks)).length,
    slowdown: speed.slowdown(kept.flatMap(({ checks }) => checks)),
  };
}
