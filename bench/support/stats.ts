/** Figures of several rounds, or of many samples, in a few numbers. Pure. */

/** What several rounds came to: the figure to quote, and how far the rounds lay apart. */
export interface Summary {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** The nearest-rank percentile: the smallest sample that `percent` of all do not exceed. NaN of nothing. */
export function percentile(samples: readonly number[], percent: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  const rank = Math.max(Math.ceil((percent / 100) * sorted.length), 1);
  return sorted[rank - 1] ?? Number.NaN;
}

/** The middle one; of an even number the mean of the middle two. NaN of nothing. */
export function median(samples: readonly number[]): number {
  const sorted = samples.toSorted((a, b) => a - b);
  const upper = sorted[sorted.length >> 1] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[(sorted.length >> 1) - 1] ?? Number.NaN)) / 2;
}

export function summarize(samples: readonly number[]): Summary {
  return { median: median(samples), min: Math.min(...samples), max: Math.max(...samples) };
}

/** Round by round, since what disturbs a round disturbs both sides of it. */
export function ratios(samples: readonly number[], floors: readonly number[]): number[] {
  return samples.map((sample, round) => sample / (floors[round] ?? Number.NaN));
}
