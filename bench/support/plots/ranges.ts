import * as Plot from "@observablehq/plot";
import { max, ticks } from "d3-array";
import { show } from "../format.js";
import { IN_LEFT, render, xAxis } from "./canvas.js";

export interface Range {
  readonly label: string;
  readonly p50: number;
  readonly p99: number;
}

/** Draws p50 as a dot and p99 as the end of a bar for each contender. The first one stands out. */
export function rangePlot(title: string, unit: string, ranges: readonly Range[]): string {
  const longest = max(ranges, ({ p99 }) => p99) ?? 1;
  const fill = ({ label }: Range): string => (label === ranges[0]?.label ? "var(--s0)" : "var(--s1)");
  const words = ({ p50, p99 }: Range): string => `${show(p50)} / ${show(p99)}`;
  const y = "label";
  return render({
    ariaLabel: title,
    ariaDescription: ranges.map(({ label, p50, p99 }) => `${label}: p50 ${show(p50)}, p99 ${show(p99)}`).join("; "),
    height: 56 + ranges.length * 34,
    marginLeft: 190,
    marginRight: 70,
    marginTop: 12,
    marginBottom: 40,
    x: { domain: [0, longest * 1.05] },
    y: { domain: ranges.map(({ label }) => label), axis: null, padding: 0.4 },
    marks: [
      ...xAxis(ticks(0, longest, 7), `${unit}: the dot is p50, the bar ends at p99`),
      Plot.barX(ranges, { x1: 0, x2: "p99", y, fill, fillOpacity: 0.3 }),
      Plot.dot(ranges, { x: "p50", y, fill, r: 6 }),
      Plot.text(ranges, { y, text: "label", ...IN_LEFT }),
      Plot.text(ranges, { x: "p99", y, text: words, textAnchor: "start", dx: 8 }),
    ],
  });
}
