import { setTimeout as sleep } from "node:timers/promises";
import { run } from "../workers/burn.js";

/**
 * A check slower than the run's best by more than this factor means that other programs had the
 * machine. Checks on a shared machine fall into two heaps, up to 1.15 times the best and from 1.5
 * times on; this lies between them.
 */
const DISTURBED = 1.25;
/** Checks before the first round, which needs a best to be compared with too. */
const FIRST_CHECKS = 20;
/** ms between the first checks. */
const PAUSE = 50;
/** Of a check's computation. */
const ROUNDS = 20_000;

/** Detects that other programs use the machine: the same small computation takes longer. */
export class MachineSpeed {
  readonly #check: () => number;
  #best = Number.POSITIVE_INFINITY;

  /** `check` does the computation and returns the ms that it took. */
  constructor(check: () => number = () => bestOf(3)) {
    this.#check = check;
  }

  /** Measures the machine's best before the first round. */
  async settle(): Promise<void> {
    for (let time = 0; time < FIRST_CHECKS; time += 1) {
      this.check();
      await sleep(PAUSE);
    }
  }

  /** ms that the computation takes now. */
  check(): number {
    const ms = this.#check();
    this.#best = Math.min(this.#best, ms);
    return ms;
  }

  /** The slowest of these checks as a multiple of the best of the whole run so far; at least 1. */
  slowdown(checks: readonly number[]): number {
    return Math.max(...checks) / this.#best;
  }

  disturbed(checks: readonly number[]): boolean {
    return this.slowdown(checks) > DISTURBED;
  }
}

/** The rounds of `burn` that take about this many ms on this machine when it is quiet. */
export function burnRounds(ms: number): number {
  bestOf(1);
  return Math.round((ROUNDS / bestOf(10)) * ms);
}

/** The best of several, so that only lasting load shows. */
function bestOf(times: number): number {
  const taken = Array.from({ length: times }, () => {
    const start = performance.now();
    run({ rounds: ROUNDS });
    return performance.now() - start;
  });
  return Math.min(...taken);
}
