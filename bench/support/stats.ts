import { extent, median, quantile } from "d3-array";

/** A figure over several rounds: the median to quote, and how far the rounds lay apart. */
export interface Summary {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** NaN without samples. */
export function percentile(samples: readonly number[], percent: number): number {
  return quantile(samples, percent / 100) ?? Number.NaN;
}

/** Ignores NaN, the figure of a round that has none. */
export function summarize(samples: readonly number[]): Summary {
  const [min = Number.NaN, max = Number.NaN] = extent(samples);
  return { median: median(samples) ?? Number.NaN, min, max };
}
