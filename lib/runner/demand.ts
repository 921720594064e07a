/**
 * How many jobs a host should hold beyond those that run, so that no thread waits for a claim's
 * round trip. Pure.
 */

/**
 * Jobs this many times longer than a claim's round trip gain nothing from one that waits here:
 * others may be free to run it.
 */
const LONG = 100;
/**
 * ms: neither do jobs of this length, whatever a round trip takes. The next would be given back
 * before it began.
 */
const LONGEST = 500;
/** ms within which a job that is held should begin, unless a round trip takes longer. */
export const HELD_FOR = 100;
/**
 * ms of work to hold ahead: so often, at most, there is a claim, whose statement costs as much as
 * some jobs.
 */
const AHEAD = 50;
/**
 * Held ahead for each thread at most, or twice its batch: what a host may sit on when its jobs turn
 * out slow.
 */
const MOST_PER_THREAD = 64;

/** A running mean that forgets: each new figure counts for a fifth. */
export function blend(mean: number | null, figure: number): number {
  return mean === null ? figure : mean + (figure - mean) / 5;
}

/**
 * Jobs to hold ahead, for all threads together; both durations in ms, null while they are not
 * known. `batch` go to a thread at once.
 */
export function prefetch(threads: number, roundTrip: number | null, jobTime: number | null, batch = 1): number {
  if (roundTrip === null || jobTime === null || jobTime > Math.min(roundTrip * LONG, LONGEST)) return 0;
  // Twice what a round trip takes, since more is fetched when half of it is left.
  const time = Math.max(jobTime, 0.01);
  const each = Math.max(2 * Math.ceil(roundTrip / time) + 1, Math.ceil(AHEAD / time));
  const inTime = Math.max(1, Math.floor(Math.max(HELD_FOR, 2 * roundTrip + time) / time));
  return threads * Math.min(each, inTime, Math.max(MOST_PER_THREAD, 2 * batch));
}
