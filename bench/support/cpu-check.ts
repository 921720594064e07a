import { run } from "../workers/burn.js";

const ROUNDS = 20_000;

/** ms that a fixed computation takes: tells whether the machine had time for us. The best of three, so that only lasting load shows. */
export function cpuCheck(): number {
  return Math.min(...[1, 2, 3].map(() => timeBurn(ROUNDS)));
}

/** The rounds of `burn` that take about so many ms on this machine, undisturbed. */
export function burnRounds(ms: number): number {
  timeBurn(ROUNDS);
  const best = Math.min(...Array.from({ length: 10 }, () => timeBurn(ROUNDS)));
  return Math.round((ROUNDS / best) * ms);
}

function timeBurn(rounds: number): number {
  const start = performance.now();
  run({ rounds });
  return performance.now() - start;
}
