import { spin } from "../workers/spin.js";

const ROUNDS = 5_000_000;

/** ms that a fixed computation takes: tells whether the machine had time for us. The best of three, so that only lasting load shows. */
export function cpuCheck(): number {
  return Math.min(...[1, 2, 3].map(() => timeSpin(ROUNDS)));
}

/** The rounds of `spin` that take about so many ms on this machine, undisturbed. */
export function spinRounds(ms: number): number {
  timeSpin(ROUNDS);
  const best = Math.min(...Array.from({ length: 10 }, () => timeSpin(ROUNDS)));
  return Math.round((ROUNDS / best) * ms);
}

function timeSpin(rounds: number): number {
  const start = performance.now();
  spin(rounds);
  return performance.now() - start;
}
