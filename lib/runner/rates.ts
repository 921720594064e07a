import { blend, HELD_FOR, prefetch } from "./demand.js";

/** A job that runs this many times longer than it was meant to wait says that something is slow. */
const SLOW = 2;
/** ms: the bounds of how long a job is held. */
const SHORTEST_PATIENCE = 250;
const LONGEST_PATIENCE = 1_000;

/**
 * ms that it takes to call another host: whoever has a thread free sooner takes the job himself.
 */
const CALL = 10;

/** How fast the claims and jobs of one queue are on this host, and what follows from it. */
export class Rates {
  #roundTrip: number | null = null;
  #jobTime: number | null = null;
  #batch = 1;
  /** When a job ended last: a slow one that is under way is not in the mean yet. */
  #turnedAt = Number.NEGATIVE_INFINITY;

  /** A claim took so many ms. */
  claimed(ms: number): void {
    this.#roundTrip = blend(this.#roundTrip, ms);
  }

  /**
   * So many jobs took so many ms together, one after the other in one thread. Up to `batch` of them
   * could have.
   */
  ran(ms: number, jobs: number, batch: number): void {
    this.#jobTime = blend(this.#jobTime, ms / jobs);
    this.#batch = batch;
    this.#turnedAt = performance.now();
  }

  /** How many jobs to hold ahead of these threads. */
  ahead(threads: number): number {
    return prefetch(threads, this.#roundTrip, this.#jobTime, this.#batch);
  }

  /**
   * Whether one more job begins sooner here than on a host that would have to be called, `held` of
   * them being before it.
   */
  soon(held: number, threads: number): boolean {
    if (this.#jobTime === null || performance.now() - this.#turnedAt > CALL) return false;
    return ((held + 1) * this.#jobTime) / threads < CALL;
  }

  /** How long a job may be held, in ms, before others are to have it. */
  get patience(): number {
    return patienceFor(this.#roundTrip ?? 0, this.#jobTime ?? 0);
  }
}

/** Twice as long as a job is meant to be held, within bounds. Pure. */
export function patienceFor(roundTrip: number, jobTime: number): number {
  const meant = Math.max(jobTime, HELD_FOR, 2 * roundTrip);
  return Math.min(Math.max(SLOW * meant, SHORTEST_PATIENCE), LONGEST_PATIENCE);
}
