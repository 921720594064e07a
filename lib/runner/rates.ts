import { blend, prefetch, START_WITHIN } from "./demand.js";

/** A job may wait this many times longer than it should. After that something is slow. */
const SLOW = 2;
/** ms: bounds of how long a job may wait in the backlog. */
const SHORTEST_PATIENCE = 250;
const LONGEST_PATIENCE = 1_000;
/** ms until another host starts a job for which it has to be called. */
const CALL = 10;

/** How long the claims and jobs of one queue take on this host, and what follows from that. */
export class Rates {
  /** Running means in ms; null until the first figure. */
  #roundTrip: number | null = null;
  #jobTime: number | null = null;
  /** How many jobs of the last worker may go to a thread at once. */
  #batch = 1;
  /** When a job last ended. A slow job under way is not in the mean yet. */
  #endedAt = Number.NEGATIVE_INFINITY;

  /** A claim took `ms`. */
  claimed(ms: number): void {
    this.#roundTrip = blend(this.#roundTrip, ms);
  }

  /** `jobs` took `ms` together, one after the other in one thread, which could take `batch`. */
  ran(ms: number, jobs: number, batch: number): void {
    this.#jobTime = blend(this.#jobTime, ms / jobs);
    this.#batch = batch;
    this.#endedAt = performance.now();
  }

  /** How many jobs to hold ahead for all these threads together. */
  ahead(threads: number): number {
    return prefetch(threads, this.#roundTrip, this.#jobTime, this.#batch);
  }

  /**
   * Whether a job with `waiting` before it starts sooner here than on a host that has to be called.
   */
  startsSoon(waiting: number, threads: number): boolean {
    if (this.#jobTime === null || performance.now() - this.#endedAt > CALL) return false;
    return ((waiting + 1) * this.#jobTime) / threads < CALL;
  }

  /** ms for which a job may wait in the backlog before it is released. */
  get patience(): number {
    return patienceFor(this.#roundTrip ?? 0, this.#jobTime ?? 0);
  }
}

/** Twice as long as a job should wait, within bounds; all in ms. Pure. */
export function patienceFor(roundTrip: number, jobTime: number): number {
  const meant = Math.max(jobTime, START_WITHIN, 2 * roundTrip);
  return Math.min(Math.max(SLOW * meant, SHORTEST_PATIENCE), LONGEST_PATIENCE);
}
