import { percentile } from "./stats.js";

/** What came of keeping calls in flight. */
export interface Flown {
  /** Right ones a second. */
  readonly results: number;
  /** ms */
  readonly p50: number;
  readonly p99: number;
  readonly lost: number;
}

/** Keeps so many calls open until so many are done in all. A call resolves to whether its result was right. */
export async function keepInFlight(
  open: number,
  count: number,
  call: (int: number) => Promise<boolean>,
): Promise<Flown> {
  const samples: number[] = [];
  let next = 0;
  let lost = 0;
  const line = async (): Promise<void> => {
    while (next < count) {
      const int = next;
      next += 1;
      const start = performance.now();
      const right = await call(int);
      samples.push(performance.now() - start);
      if (!right) lost += 1;
    }
  };
  const start = performance.now();
  await Promise.all(Array.from({ length: open }, line));
  const seconds = (performance.now() - start) / 1_000;
  return { results: (count - lost) / seconds, p50: percentile(samples, 50), p99: percentile(samples, 99), lost };
}
