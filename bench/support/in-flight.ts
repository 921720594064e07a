import { percentile } from "./stats.js";

/** The result of keeping calls in flight. */
export interface Flown {
  /** Right results a second. */
  readonly results: number;
  /** ms */
  readonly p50: number;
  /** ms */
  readonly p99: number;
  /** Calls without the right result. */
  readonly lost: number;
  /** ms of each call. */
  readonly times: readonly number[];
}

/** Keeps `open` calls in flight until `count` are done. A call returns true for a right result. */
export async function keepInFlight(
  open: number,
  count: number,
  call: (int: number) => Promise<boolean>,
): Promise<Flown> {
  const times: number[] = [];
  let next = 0;
  let lost = 0;
  const line = async (): Promise<void> => {
    while (next < count) {
      const int = next;
      next += 1;
      const start = performance.now();
      const right = await call(int);
      times.push(performance.now() - start);
      if (!right) lost += 1;
    }
  };
  const start = performance.now();
  await Promise.all(Array.from({ length: open }, line));
  const seconds = (performance.now() - start) / 1_000;
  return { results: (count - lost) / seconds, p50: percentile(times, 50), p99: percentile(times, 99), lost, times };
}
