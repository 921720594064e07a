import { show, showSpread } from "./format.js";
import type { Measured } from "./measure.js";
import { type Axes, curvesPlot, type DrawnCurve } from "./plot/curves.js";
import { distributionPlot, type Lane } from "./plot/distribution.js";
import { type Markup, plain, tag } from "./plot/markup.js";
import { htmlTable } from "./plot/table.js";
import type { Curve, Distribution } from "./question.js";
import { seriesOf } from "./report.js";
import { percentile, summarize } from "./stats.js";

const PERCENTS = [50, 90, 99, 100];

/** All plots of a question that was measured, each with its figures as a table. `id` is unique to the question. */
export function drawingsOf(measured: Measured, id: string): Markup[] {
  const { distributions = [], curves = [] } = measured.question;
  return [
    ...distributions.map((one, at) => distributionOf(measured, one, `${id}-distribution${at}`)),
    ...plotsOf(curves).map((together, at) => curvesOf(measured, together, `${id}-curves${at}`)),
  ];
}

/** The samples of all rounds together. */
function distributionOf({ question, rounds }: Measured, { x, of }: Distribution, id: string): Markup {
  const lanes = of.map(([contender, name]): Lane => {
    return { label: contender, samples: rounds.flatMap(({ samples }) => samples[contender]?.[name] ?? []) };
  });
  const rows = lanes.map(({ label, samples }) => [
    label,
    show(samples.length),
    ...PERCENTS.map((percent) => show(percentile(samples, percent))),
  ]);
  const head = [x, "samples", ...PERCENTS.map((percent) => (percent === 100 ? "max" : `p${percent}`))];
  return figure(distributionPlot(id, question.title, x, lanes), htmlTable(head, rows));
}

/** Those with the same axes go into one plot. */
function plotsOf(curves: readonly Curve[]): Curve[][] {
  const plots = new Map<string, Curve[]>();
  for (const curve of curves) {
    const { x, y, scale, yScale } = curve;
    const key = JSON.stringify([x, y, scale, yScale]);
    plots.set(key, [...(plots.get(key) ?? []), curve]);
  }
  return [...plots.values()];
}

function curvesOf({ question, rounds }: Measured, together: readonly Curve[], id: string): Markup {
  const [{ x, y, scale = "linear", yScale = "linear" } = { x: "", y: "" }] = together;
  const axes: Axes = { x, y, scale, yScale };
  const drawn = together.map(({ label, points }): DrawnCurve => {
    const summaries = points.map((point) => ({ x: point.x, y: summarize(seriesOf(rounds, point.of)) }));
    return { label, points: summaries.toSorted((a, b) => a.x - b.x) };
  });
  const steps = [...new Set(drawn.flatMap(({ points }) => points.map((point) => point.x)))].sort((a, b) => a - b);
  const rows = steps.map((step) => [show(step), ...drawn.map((curve) => cellAt(curve, step))]);
  const head = [x, ...drawn.map(({ label }) => `${label}, ${y}`)];
  return figure(curvesPlot(id, question.title, axes, drawn), htmlTable(head, rows));
}

function cellAt({ points }: DrawnCurve, step: number): string {
  const point = points.find(({ x }) => x === step);
  return point === undefined ? "" : `${show(point.y.median)} (${showSpread(point.y)})`;
}

function figure(plot: Markup, figures: Markup): Markup {
  const below = plain("details", plain("summary", "in figures"), figures);
  return plain("figure", tag("div", { class: "wide" }, plot), below);
}
