import type { Bench, Figures, Question } from "./question.js";
import { cpuCheck } from "./cpu-check.js";

/** All that was measured for one question. */
export interface Measured {
  readonly question: Question;
  /** Each contender's figures, round by round. */
  readonly rounds: Readonly<Record<string, readonly Figures[]>>;
  /** ms that the same small computation took before each turn: apart by much, others had the machine. */
  readonly cpuChecks: readonly number[];
}

/** Sets a question up, warms every contender up, then lets them take turns: A B A B. */
export async function measure(question: Question, rounds: number, bench: Bench): Promise<Measured> {
  const contenders = await question.open(bench);
  const figures: Record<string, Figures[]> = {};
  const cpuChecks: number[] = [];
  for (const contender of contenders) await contender.round();
  for (let round = 0; round < rounds; round += 1) {
    for (const contender of contenders) {
      cpuChecks.push(cpuCheck());
      const list = (figures[contender.name] ??= []);
      list.push(await contender.round());
    }
  }
  for (const contender of contenders) await contender.close?.();
  return { question, rounds: figures, cpuChecks };
}
