/** Where a value stands on an axis, and which values to write beside it. Pure. */
export interface Scale {
  /** The place of a value, in units of the picture. */
  place(value: number): number;
  /** Round values within the domain, ascending. */
  readonly ticks: readonly number[];
}

export type ScaleKind = "linear" | "log";

interface Span {
  readonly min: number;
  readonly max: number;
}

/** From `from` to `to`, either of which may be the larger. On a logarithmic scale both ends of the domain must be above 0. */
export function scaleOf(kind: ScaleKind, domain: Span, from: number, to: number): Scale {
  return kind === "log" ? logarithmic(domain, from, to) : linear(domain, from, to);
}

/** The domain in which all values that are numbers lie (and, on a logarithmic scale, above 0), widened where they are one. */
export function domainOf(kind: ScaleKind, values: readonly number[]): Span {
  const usable = values.filter((value) => Number.isFinite(value) && (kind === "linear" || value > 0));
  if (usable.length === 0) return { min: 1, max: 10 };
  const [min, max] = [Math.min(...usable), Math.max(...usable)];
  if (min < max) return { min, max };
  return kind === "log" ? { min: min / 2, max: max * 2 } : { min: min - 1, max: max + 1 };
}

function linear({ min, max }: Span, from: number, to: number): Scale {
  const step = roundStep((max - min) / 4);
  const first = Math.ceil(min / step);
  const count = Math.floor(max / step) - first + 1;
  return {
    place: (value) => from + ((value - min) / (max - min)) * (to - from),
    ticks: Array.from({ length: count }, (_, at) => exact((first + at) * step)),
  };
}

/** The next larger of 1, 2, 5, 10, 20 … */
function roundStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  return ([1, 2, 5].find((step) => step * power >= least) ?? 10) * power;
}

const MOST_TICKS = 8;

function logarithmic({ min, max }: Span, from: number, to: number): Scale {
  const [low, high] = [Math.log(min), Math.log(max)];
  const all = [[1, 2, 5], [1, 3], [1]].map((mantissas) =>
    powers(min, max).flatMap((power) => mantissas.map((mantissa) => exact(mantissa * power))),
  );
  const within = all.map((ticks) => ticks.filter((tick) => tick >= min && tick <= max));
  return {
    place: (value) => from + ((Math.log(value) - low) / (high - low)) * (to - from),
    ticks: within.find((ticks) => ticks.length <= MOST_TICKS) ?? within.at(-1) ?? [],
  };
}

function powers(min: number, max: number): number[] {
  const first = Math.floor(Math.log10(min));
  return Array.from({ length: Math.ceil(Math.log10(max)) - first + 1 }, (_, at) => 10 ** (first + at));
}

/** Without the crumbs of binary fractions, such as 0.30000000000000004. */
function exact(value: number): number {
  return Number(value.toPrecision(12));
}
