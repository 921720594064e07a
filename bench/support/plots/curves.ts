import * as Plot from "@observablehq/plot";
import { ticks } from "d3-array";
import { show } from "../format.js";
import type { Axes } from "../question.js";
import type { Summary } from "../stats.js";
import { BOLD, colourOf, render, roundTicks, spanOf, yAxis } from "./canvas.js";

/** A figure over several rounds, by the value of what was varied, ascending. */
export interface DrawnCurve {
  readonly label: string;
  readonly points: readonly { readonly x: number; readonly y: Summary }[];
}

/** Draws lines through the medians, with a bar from the least round to the largest. */
export function curvePlot(title: string, axes: Axes, curves: readonly DrawnCurve[]): string {
  const points = curves.flatMap(({ label, points: own }) =>
    own
      .filter(({ y }) => Number.isFinite(y.median))
      .map(({ x, y: { median: y, min, max } }) => ({ label, x, y, min, max })),
  );
  const steps = [...new Set(points.map(({ x }) => x))].sort((a, b) => a - b);
  const named = curves.length > 1 ? points.filter(({ x }) => x === steps.at(-1)) : [];
  const [low, high] = spanOf(points.flatMap(({ min, max }) => [min, max]));
  const log = axes.yScale === "log";
  const domain: [number, number] = log ? [low / 1.2, high * 1.2] : [0, high * 1.1];
  const colour = colourOf(curves);
  const at = { x: "x", y: "y", stroke: colour } as const;
  return render({
    ariaLabel: `${title}: ${axes.y} by ${axes.x}`,
    ariaDescription: curves
      .map(({ label, points: own }) => `${label}: ${own.map(({ x, y }) => `${show(x)}: ${show(y.median)}`).join(", ")}`)
      .join("; "),
    height: 360,
    marginLeft: 80,
    marginRight: named.length > 0 ? 110 : 30,
    marginTop: 40,
    marginBottom: 46,
    insetLeft: 30,
    insetRight: 30,
    x: { type: axes.xScale },
    y: { type: axes.yScale, domain },
    marks: [
      ...yAxis(log ? roundTicks(domain) : ticks(0, high, 5), axes.y),
      Plot.axisX(steps, {
        tickFormat: (x: number) => show(x),
        label: axes.x,
        labelArrow: "none",
        color: "var(--soft)",
      }),
      Plot.ruleY([domain[0]], { stroke: "var(--soft)" }),
      Plot.line(points, { ...at, z: "label", strokeWidth: 2 }),
      Plot.ruleX(points, { x: "x", y1: "min", y2: "max", stroke: colour, strokeWidth: 1.5, strokeOpacity: 0.6 }),
      Plot.dot(points, { ...at, fill: "var(--paper)", r: 4.5, strokeWidth: 2 }),
      Plot.text(named, { x: "x", y: "y", text: "label", textAnchor: "start", dx: 12, fill: colour, ...BOLD }),
    ],
  });
}
