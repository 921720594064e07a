import { setTimeout as sleep } from "node:timers/promises";
import { cpuCheck } from "./cpu-check.js";

/**
 * Slower than the run's best check by more than this factor, and others had the machine. Checks on a shared machine fall
 * into two heaps, up to 1.15 times the best and from 1.5 times: this lies between them.
 */
const DISTURBED = 1.25;

/** Checks before the first round, and ms between them: what comes first must have a best to be held against, too. */
const FIRST_CHECKS = 20;
const APART = 50;

/** How fast the machine is, found out by the same small computation over and over: slower than it was at best, it was shared. */
export class Pace {
  readonly #check: () => number;
  #best = Number.POSITIVE_INFINITY;

  /** `check` does the computation and returns the ms that it took. */
  constructor(check: () => number = cpuCheck) {
    this.#check = check;
  }

  /** Finds out what the machine can do, before anything is measured. */
  async settle(): Promise<void> {
    for (let time = 0; time < FIRST_CHECKS; time += 1) {
      this.check();
      await sleep(APART);
    }
  }

  /** ms that the computation takes now. */
  check(): number {
    const ms = this.#check();
    this.#best = Math.min(this.#best, ms);
    return ms;
  }

  /** By how much the slowest of the checks was slower than the best of the whole run so far: 1 at best. */
  slowdown(checks: readonly number[]): number {
    return Math.max(...checks) / this.#best;
  }

  /** Whether others had the machine when these checks were made. */
  disturbed(checks: readonly number[]): boolean {
    return this.slowdown(checks) > DISTURBED;
  }
}
