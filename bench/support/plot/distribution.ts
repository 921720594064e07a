import { show } from "../format.js";
import { percentile } from "../stats.js";
import { verticals } from "./axis.js";
import { type Markup, svg, tag } from "./markup.js";
import { domainOf, type Scale, scaleOf } from "./scale.js";

/** Samples of one side. */
export interface Lane {
  readonly label: string;
  readonly samples: readonly number[];
}

const WIDTH = 860;
const [LEFT, RIGHT] = [150, 830];
const TOP = 8;
const LANE = 74;
/** Of a lane, for the words above its hill. */
const WORDS = 22;
const BELOW = 44;
const BINS = 120;

/** A hill for each lane, one below the other on one logarithmic axis, with p50 and p99 marked. Each is as high as it may be. */
export function distributionPlot(id: string, title: string, x: string, lanes: readonly Lane[]): Markup {
  const all = lanes.flatMap(({ samples }) => samples);
  const scale = scaleOf("log", domainOf("log", spanOf(all)), LEFT, RIGHT);
  const bottom = TOP + lanes.length * LANE;
  const about = lanes
    .map(({ label, samples }) => `${label}: p50 ${show(percentile(samples, 50))}, p99 ${show(percentile(samples, 99))}`)
    .join("; ");
  return svg(
    { id, width: WIDTH, height: bottom + BELOW, title: `${title}: ${x}`, about },
    verticals(scale, TOP, bottom),
    tag("text", { class: "axis", x: RIGHT, y: bottom + 36, "text-anchor": "end" }, x),
    lanes.map((lane, at) => hill(lane, at, scale, TOP + (at + 1) * LANE)),
  );
}

function hill({ label, samples }: Lane, at: number, scale: Scale, base: number): Markup {
  const counts = countsOf(samples, scale);
  const highest = Math.max(...counts, 1);
  const width = (RIGHT - LEFT) / BINS;
  const height = (count: number): number => (count / highest) * (LANE - WORDS);
  const steps = counts.map((count, bin) => {
    const top = round(base - height(count));
    return `L${round(LEFT + bin * width)} ${top}H${round(LEFT + (bin + 1) * width)}`;
  });
  return tag(
    "g",
    { class: `series s${at}` },
    tag("text", { class: "heading", x: LEFT - 16, y: base - 4, "text-anchor": "end" }, label),
    tag("path", { class: "hill", d: `M${LEFT} ${base}${steps.join("")}L${RIGHT} ${base}Z` }),
    tag("line", { class: "base", x1: LEFT, x2: RIGHT, y1: base, y2: base }),
    samples.length === 0 ? [] : [mark(50, samples, scale, base), mark(99, samples, scale, base)],
  );
}

/** The words of p50 stand to the left of its line and those of p99 to the right, so that they never meet. */
function mark(percent: 50 | 99, samples: readonly number[], scale: Scale, base: number): Markup[] {
  const value = percentile(samples, percent);
  const x = scale.place(value);
  const [anchor, shift] = percent === 50 ? ["end", -4] : ["start", 4];
  const y = base - LANE + WORDS - 8;
  return [
    tag("line", { class: `p${percent}`, x1: x, x2: x, y1: y - 8, y2: base }),
    tag("text", { class: "value", x: x + shift, y, "text-anchor": anchor }, `p${percent} ${show(value)}`),
  ];
}

function countsOf(samples: readonly number[], scale: Scale): number[] {
  const counts = Array.from({ length: BINS }, () => 0);
  for (const sample of samples) {
    const bin = Math.floor(((scale.place(sample) - LEFT) / (RIGHT - LEFT)) * BINS);
    const within = Math.min(Math.max(bin, 0), BINS - 1);
    counts[within] = (counts[within] ?? 0) + 1;
  }
  return counts;
}

/** The least and the largest, however many there are. */
function spanOf(samples: readonly number[]): [number, number] {
  return [percentile(samples, 0), percentile(samples, 100)];
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
