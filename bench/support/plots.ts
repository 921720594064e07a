import * as Plot from "@observablehq/plot";
import { bin, range, ticks as linearTicks } from "d3-array";
import { DOMParser } from "linkedom";
import { show, showRatio, showSpread, showTarget, verdict } from "./format.js";
import type { Axes } from "./question.js";
import type { Row } from "./report.js";
import { percentile, type Summary } from "./stats.js";

/** Colours of a plot, as SVG attributes. */
export interface Palette {
  readonly ink: string;
  readonly soft: string;
  readonly line: string;
  readonly paper: string;
  readonly met: string;
  readonly missed: string;
  readonly series: readonly string[];
}

/** Samples of one contender. */
export interface Lane {
  readonly label: string;
  readonly samples: readonly number[];
}

/** A figure over several rounds, by the value of what was varied. */
export interface DrawnCurve {
  readonly label: string;
  readonly points: readonly { readonly x: number; readonly y: Summary }[];
}

const WIDTH = 860;
const BAR = 24;
const HILL = 74;
const BINS = 120;
const SMALL = { fontSize: 12 } as const;
const BOLD = { fontWeight: "bold" } as const;

/**
 * Draws each row's ratio to its floor as a bar from 1x, with the spread of the rounds and the target.
 * Leaves out rows without a positive ratio. Questions stand above their rows.
 */
export function ratioPlot(questions: readonly { title: string; rows: readonly Row[] }[], colours: Palette): string {
  const bars = questions.flatMap(({ title, rows }) => {
    const drawn = rows.flatMap((row) => (row.ratio && row.ratio.median > 0 ? [barOf(title, row, row.ratio)] : []));
    return drawn.length === 0 ? [] : [{ heading: title }, ...drawn];
  });
  const drawn = bars.flatMap((bar) => ("heading" in bar ? [] : [bar]));
  const keys = bars.map((bar) => ("heading" in bar ? bar.heading : bar.key));
  const headings = bars.flatMap((bar) => ("heading" in bar ? [bar.heading] : []));
  const colour = ({ tone }: Bar): string => (tone === "none" ? colours.soft : colours[tone]);
  const domain = spanOf([1, ...drawn.flatMap(({ low, high, aim }) => [low, high, aim ?? 1])], 1.1);
  return render(
    {
      ariaLabel: "Ratios to the floor",
      ariaDescription: drawn.map(({ words }) => words).join("; "),
      height: 60 + keys.length * BAR,
      marginLeft: 270,
      marginRight: 350,
      marginTop: 26,
      x: { type: "log", domain },
      y: { domain: keys, label: null, axis: null },
      marks: [
        Plot.gridX(roundTicks(domain), { stroke: colours.line, strokeOpacity: 1 }),
        Plot.axisX(roundTicks(domain), {
          tickFormat: (tick: number) => `${tick}x`,
          tickSize: 0,
          label: null,
          color: colours.soft,
        }),
        Plot.ruleX([1], { stroke: colours.soft }),
        Plot.text(["the floor"], { x: () => 1, frameAnchor: "top", dy: -16, fill: colours.soft }),
        Plot.text(headings, { y: (one: string) => one, frameAnchor: "left", textAnchor: "start", dx: -270, ...BOLD }),
        Plot.barX(drawn, {
          x1: 1,
          x2: "median",
          y: "key",
          fill: colour,
          fillOpacity: 0.35,
          insetTop: 5,
          insetBottom: 5,
          title: "words",
        }),
        Plot.link(drawn, { x1: "low", x2: "high", y1: "key", y2: "key", stroke: colour, strokeWidth: 1.5 }),
        Plot.dot(drawn, { x: "median", y: "key", stroke: colour, fill: colour, r: 3.5 }),
        Plot.tickX(
          drawn.filter(({ aim }) => aim !== null),
          { x: "aim", y: "key", stroke: colours.ink, strokeWidth: 2.5 },
        ),
        Plot.text(drawn, { y: "key", text: "label", frameAnchor: "left", textAnchor: "end", dx: -14 }),
        Plot.text(drawn, { y: "key", text: "value", frameAnchor: "right", textAnchor: "start", dx: 14 }),
        Plot.text(drawn, {
          y: "key",
          text: "verdict",
          frameAnchor: "right",
          textAnchor: "end",
          dx: 350,
          fill: colour,
          ...SMALL,
        }),
      ],
    },
    colours,
  );
}

interface Bar {
  readonly key: string;
  readonly label: string;
  readonly median: number;
  readonly low: number;
  readonly high: number;
  readonly aim: number | null;
  readonly value: string;
  readonly verdict: string;
  readonly words: string;
  readonly tone: "met" | "missed" | "none";
}

function barOf(title: string, row: Row, ratio: Summary): Bar {
  const { label, unit, target } = row;
  const judged = target?.on === "ratio" ? target : null;
  return {
    key: `${title}, ${label}`,
    label,
    median: ratio.median,
    low: ratio.min > 0 ? ratio.min : ratio.median,
    high: Number.isFinite(ratio.max) ? ratio.max : ratio.median,
    aim: judged?.atMost ?? judged?.atLeast ?? null,
    value: `${showRatio(ratio.median)} (${showSpread(ratio)})`,
    verdict: judged ? `${showTarget(judged, unit)}, ${verdict(row)}` : "",
    words: `${title}, ${label}: ${showRatio(ratio.median)}`,
    tone: judged === null ? "none" : row.met === true ? "met" : "missed",
  };
}

/** Draws a hill for each lane, all on one logarithmic axis and equally high, with p50 and p99. */
export function distributionPlot(title: string, x: string, lanes: readonly Lane[], colours: Palette): string {
  const domain = spanOf(lanes.flatMap(({ samples }) => [percentile(samples, 0), percentile(samples, 100)]));
  const [low, high] = domain;
  const edges = Array.from({ length: BINS + 1 }, (_, at) => low * (high / low) ** (at / BINS));
  const hills = lanes.flatMap(({ label, samples }) => {
    const counts = bin<number, number>().domain(domain).thresholds(edges)([...samples]);
    const highest = Math.max(...counts.map(({ length }) => length), 1);
    return counts.map(({ x0, x1, length }) => ({ label, x1: x0, x2: x1, height: length / highest }));
  });
  const marks = lanes.flatMap(({ label, samples }) =>
    [50, 99].map((percent) => ({ label, percent, value: percentile(samples, percent) })),
  );
  const [p50, p99] = [50, 99].map((wanted) =>
    marks.filter(({ percent, value }) => percent === wanted && Number.isFinite(value)),
  );
  const words = ({ percent, value }: (typeof marks)[number]): string => `p${percent} ${show(value)}`;
  const colour = seriesColour(lanes, colours);
  const at = { x: "value", fy: "label", text: words, frameAnchor: "top", dy: -15 } as const;
  const ruled = { x: "value", fy: "label", stroke: colour, strokeWidth: 2 } as const;
  return render(
    {
      ariaLabel: `${title}: ${x}`,
      ariaDescription: lanes
        .map(
          ({ label }, lane) =>
            `${label}: ${marks
              .slice(2 * lane, 2 * lane + 2)
              .map(words)
              .join(", ")}`,
        )
        .join("; "),
      height: 60 + lanes.length * HILL,
      marginLeft: 150,
      marginTop: 22,
      marginBottom: 38,
      x: { type: "log", domain },
      y: { domain: [0, 1], axis: null },
      fy: { domain: lanes.map(({ label }) => label), axis: null, padding: 0.3 },
      marks: [
        Plot.gridX(roundTicks(domain), { stroke: colours.line, strokeOpacity: 1 }),
        Plot.axisX(roundTicks(domain), {
          tickFormat: showTick,
          tickSize: 0,
          label: x,
          labelArrow: "none",
          color: colours.soft,
        }),
        Plot.rectY(hills, { x1: "x1", x2: "x2", y: "height", fy: "label", fill: colour, fillOpacity: 0.4, inset: 0 }),
        Plot.ruleY([0], { stroke: colours.soft }),
        Plot.text(lanes, {
          fy: "label",
          text: "label",
          frameAnchor: "bottom-left",
          textAnchor: "end",
          dx: -14,
          ...BOLD,
        }),
        Plot.ruleX(p50, ruled),
        Plot.ruleX(p99, { ...ruled, strokeDasharray: "4 3" }),
        // On either side of their lines, so that they never meet.
        Plot.text(p50, { ...at, textAnchor: "end", dx: -2 }),
        Plot.text(p99, { ...at, textAnchor: "start", dx: 2 }),
      ],
    },
    colours,
  );
}

/** Draws lines through the medians, with a bar from the least round to the largest. */
export function curvePlot(title: string, axes: Axes, curves: readonly DrawnCurve[], colours: Palette): string {
  const points = curves.flatMap(({ label, points: own }) =>
    own
      .filter(({ y }) => Number.isFinite(y.median))
      .map(({ x, y }) => ({
        label,
        x,
        y: y.median,
        low: y.min,
        high: y.max,
        words: `${label}, ${show(x)}: ${show(y.median)}`,
      })),
  );
  const steps = [...new Set(points.map(({ x }) => x))].sort((a, b) => a - b);
  const colour = seriesColour(curves, colours);
  const [from, to] = spanOf(points.flatMap(({ low, high }) => [low, high]));
  const log = axes.yScale === "log";
  const domain: [number, number] = log ? [from / 1.2, to * 1.2] : [0, to * 1.1];
  const ticks = log ? roundTicks(domain) : linearTicks(0, to, 5);
  const last = curves.length > 1 ? points.filter(({ x }) => x === steps.at(-1)) : [];
  return render(
    {
      ariaLabel: `${title}: ${axes.y} by ${axes.x}`,
      ariaDescription: curves
        .map((curve) => `${curve.label}: ${curve.points.map(({ x, y }) => `${show(x)}: ${show(y.median)}`).join(", ")}`)
        .join("; "),
      height: 360,
      marginLeft: 80,
      marginRight: curves.length > 1 ? 110 : 30,
      marginTop: 40,
      marginBottom: 46,
      insetLeft: 30,
      insetRight: 30,
      x: { type: axes.xScale },
      y: { type: axes.yScale, domain },
      marks: [
        Plot.gridY(ticks, { stroke: colours.line, strokeOpacity: 1 }),
        Plot.axisY(ticks, {
          tickFormat: showTick,
          tickSize: 0,
          label: axes.y,
          labelArrow: "none",
          color: colours.soft,
        }),
        Plot.axisX(steps, { tickFormat: showTick, label: axes.x, labelArrow: "none", color: colours.soft }),
        Plot.ruleY([domain[0]], { stroke: colours.soft }),
        Plot.line(points, { x: "x", y: "y", stroke: colour, z: "label", strokeWidth: 2 }),
        Plot.ruleX(points, { x: "x", y1: "low", y2: "high", stroke: colour, strokeWidth: 1.5, strokeOpacity: 0.6 }),
        Plot.dot(points, {
          x: "x",
          y: "y",
          stroke: colour,
          fill: colours.paper,
          r: 4.5,
          strokeWidth: 2,
          title: "words",
        }),
        Plot.text(last, { x: "x", y: "y", text: "label", textAnchor: "start", dx: 12, fill: colour, ...BOLD }),
      ],
    },
    colours,
  );
}

/** Draws each contender's p50 as a dot and its p99 as the end of a line. */
export function rangePlot(
  { title, x }: { readonly title: string; readonly x: string },
  ranges: readonly { readonly label: string; readonly p50: number; readonly p99: number }[],
  colours: Palette,
): string {
  const colour = seriesColour(ranges, colours);
  return render(
    {
      ariaLabel: title,
      ariaDescription: ranges.map(({ label, p50, p99 }) => `${label}: p50 ${show(p50)}, p99 ${show(p99)}`).join("; "),
      height: 56 + ranges.length * 34,
      marginLeft: 190,
      marginRight: 70,
      marginTop: 12,
      marginBottom: 40,
      x: { domain: [0, Math.max(...ranges.map(({ p99 }) => p99)) * 1.05] },
      y: { domain: ranges.map(({ label }) => label), axis: null, padding: 0.4 },
      marks: [
        Plot.gridX({ ticks: 7, stroke: colours.line, strokeOpacity: 1 }),
        Plot.axisX({
          ticks: 7,
          tickSize: 0,
          label: `${x}: the dot is p50, the bar ends at p99`,
          labelArrow: "none",
          color: colours.soft,
        }),
        Plot.barX(ranges, { x1: 0, x2: "p99", y: "label", fill: colour, fillOpacity: 0.3 }),
        Plot.dot(ranges, { x: "p50", y: "label", fill: colour, r: 6 }),
        Plot.text(ranges, { y: "label", text: "label", frameAnchor: "left", textAnchor: "end", dx: -14 }),
        Plot.text(ranges, {
          x: "p99",
          y: "label",
          text: ({ p50, p99 }: { p50: number; p99: number }) => `${show(p50)} / ${show(p99)}`,
          textAnchor: "start",
          dx: 8,
        }),
      ],
    },
    colours,
  );
}

/** The colour of a mark by the position of its `label` among the contenders. */
function seriesColour(all: readonly { readonly label: string }[], { series, ink }: Palette) {
  const labels = all.map(({ label }) => label);
  return ({ label }: { readonly label: string }): string => series[labels.indexOf(label)] ?? ink;
}

/** The 1, 2 and 5 of each power of ten within the span. */
function roundTicks([low, high]: readonly [number, number]): number[] {
  const powers = range(Math.floor(Math.log10(low)), Math.ceil(Math.log10(high)) + 1);
  const ticks = powers.flatMap((power) => [1, 2, 5].map((digit) => Number(`${digit}e${power}`)));
  return ticks.filter((tick) => tick >= low && tick <= high);
}

/** A tick as short as possible. */
function showTick(tick: number): string {
  return tick.toLocaleString("en");
}

/** The span of the positive numbers, widened by a factor, or if they are all the same. */
function spanOf(values: readonly number[], widen = 1): [number, number] {
  const usable = values.filter((value) => Number.isFinite(value) && value > 0);
  if (usable.length === 0) return [1, 10];
  const [min, max] = [Math.min(...usable), Math.max(...usable)];
  return min < max ? [min / widen, max * widen] : [min / 2, max * 2];
}

/** SVG as XML, so that it can stand in a page as well as alone, with every colour as an attribute. */
function render(options: Plot.PlotOptions, { ink, paper }: Palette): string {
  const document = new DOMParser().parseFromString("<svg/>", "image/svg+xml") as never;
  const svg = Plot.plot({ ...options, document, width: WIDTH, style: { fontSize: "13px" } });
  svg.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  svg.setAttribute("role", "img");
  svg.removeAttribute("style");
  svg.setAttribute("font-size", "13");
  svg.querySelector("style")?.remove();
  return String(svg).replaceAll("currentColor", ink).replaceAll("var(--plot-background)", paper);
}
