/** How many jobs a host claims, and how many it holds ahead of its threads. Pure. */

/**
 * Jobs that take this many times longer than a claim are not prefetched: the wait for a claim
 * hardly delays them, and other hosts may be free to run them.
 */
const LONG = 100;
/** ms: nor are jobs that take longer than this. The next would be released before it started. */
const LONGEST = 500;
/** ms within which a prefetched job should start, unless a claim takes longer. */
export const START_WITHIN = 100;
/** ms of work to hold ahead. More frequent claims would cost as much as the jobs they bring. */
const AHEAD = 50;
/**
 * Most jobs held ahead per thread, unless two batches are more. Bounds the wait if they are slow.
 */
const MOST_PER_THREAD = 64;

/** An exponential moving average: each new figure counts for a fifth. */
export function blend(mean: number | null, figure: number): number {
  return mean === null ? figure : mean + (figure - mean) / 5;
}

/**
 * How many jobs to hold ahead for all threads together, so that no thread waits for the round trip
 * of a claim. Both durations are in ms, null while unknown. `batch` jobs go to a thread at once.
 */
export function prefetch(threads: number, roundTrip: number | null, jobTime: number | null, batch = 1): number {
  if (roundTrip === null || jobTime === null || jobTime > Math.min(roundTrip * LONG, LONGEST)) return 0;
  const time = Math.max(jobTime, 0.01);
  // Enough for two round trips, since the next claim is sent when half of it is left.
  const each = Math.max(2 * Math.ceil(roundTrip / time) + 1, Math.ceil(AHEAD / time));
  const inTime = Math.max(1, Math.floor(Math.max(START_WITHIN, 2 * roundTrip + time) / time));
  return threads * Math.min(each, inTime, Math.max(MOST_PER_THREAD, 2 * batch));
}

/**
 * How many jobs to claim now: enough for the `room` free threads and for `ahead` jobs that wait. 0
 * while more than half of those wait, as a small claim costs as much as a large one.
 */
export function demandFor(room: number, ahead: number, waiting: number): number {
  return waiting > ahead / 2 ? 0 : room + ahead - waiting;
}
