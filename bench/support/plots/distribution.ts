import * as Plot from "@observablehq/plot";
import { bin, max, range } from "d3-array";
import { show } from "../format.js";
import { percentile } from "../stats.js";
import { BOLD, colourOf, IN_LEFT, render, roundTicks, spanOf, xAxis } from "./canvas.js";

/** Samples of one contender. */
export interface Lane {
  readonly label: string;
  readonly samples: readonly number[];
}

const HILL = 74;
const BINS = 120;

/** Draws a hill for each lane, all on one logarithmic axis and equally high, with p50 and p99. */
export function distributionPlot(title: string, x: string, lanes: readonly Lane[]): string {
  const [low, high] = spanOf(lanes.flatMap(({ samples }) => [percentile(samples, 0), percentile(samples, 100)]));
  const bins = bin<number, number>()
    .domain([low, high])
    .thresholds(range(1, BINS).map((at) => low * (high / low) ** (at / BINS)));
  const hills = lanes.flatMap(({ label, samples }) => {
    const counted = bins([...samples]);
    const most = max(counted, ({ length }) => length) || 1;
    return counted.map(({ x0, x1, length }) => ({ label, x0, x1, height: length / most }));
  });
  const marks = (percent: number) =>
    lanes
      .map(({ label, samples }) => ({ label, value: percentile(samples, percent) }))
      .map(({ label, value }) => ({ label, value, words: `p${percent} ${show(value)}` }))
      .filter(({ value }) => Number.isFinite(value));
  const [p50, p99] = [marks(50), marks(99)];
  const colour = colourOf(lanes);
  const fy = "label";
  const rule = { x: "value", fy, stroke: colour, strokeWidth: 2 } as const;
  const words = { x: "value", fy, text: "words", frameAnchor: "top", dy: -15 } as const;
  return render({
    ariaLabel: `${title}: ${x}`,
    ariaDescription: p50.map(({ label, words: one }, at) => `${label}: ${one}, ${p99[at]?.words}`).join("; "),
    height: 60 + lanes.length * HILL,
    marginLeft: 150,
    marginTop: 22,
    marginBottom: 38,
    x: { type: "log", domain: [low, high] },
    y: { domain: [0, 1], axis: null },
    fy: { domain: lanes.map(({ label }) => label), axis: null, padding: 0.3 },
    marks: [
      ...xAxis(roundTicks([low, high]), x),
      Plot.rectY(hills, { x1: "x0", x2: "x1", y: "height", fy, fill: colour, fillOpacity: 0.4, inset: 0 }),
      Plot.ruleY([0], { stroke: "var(--soft)" }),
      Plot.text(lanes, { fy, text: "label", ...IN_LEFT, frameAnchor: "bottom-left", ...BOLD }),
      Plot.ruleX(p50, rule),
      Plot.ruleX(p99, { ...rule, strokeDasharray: "4 3" }),
      // On either side of their lines, so that they never meet.
      Plot.text(p50, { ...words, textAnchor: "end", dx: -2 }),
      Plot.text(p99, { ...words, textAnchor: "start", dx: 2 }),
    ],
  });
}
