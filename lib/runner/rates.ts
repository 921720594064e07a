import { blend, prefetch, START_WITHIN } from "./demand.js";

/** A job may wait this many times longer than it should. After that something is slow. */
const SLOW = 2;
/** Bounds of the time that a job may wait in the backlog, in ms. */
const SHORTEST_PATIENCE = 250;
const LONGEST_PATIENCE = 1_000;
/** ms that another host takes to start a job if it has to be called. */
const CALL = 10;

/** Measures the claims and jobs of one queue on this host, to decide how far to claim ahead. */
export class Rates {
  /** Running means in ms; null until the first figure. */
  #roundTrip: number | null = null;
  #jobTime: number | null = null;
  /** How many jobs of the last worker may go to a thread at once. */
  #batch = 1;
  /** When a job last ended. A slow job under way is not in the mean yet. */
  #endedAt = Number.NEGATIVE_INFINITY;

  /** Notes that a claim took `ms`. */
  claimed(ms: number): void {
    this.#roundTrip = blend(this.#roundTrip, ms);
  }

  /** Notes that `jobs` took `ms` together, in a thread that could take `batch` of them at once. */
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
