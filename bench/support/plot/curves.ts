import { show, showSpread } from "../format.js";
import type { Summary } from "../stats.js";
import { horizontals, verticals } from "./axis.js";
import { type Markup, plain, svg, tag } from "./markup.js";
import { domainOf, type Scale, type ScaleKind, scaleOf } from "./scale.js";

/** Figures of several rounds, by what was varied. */
export interface DrawnCurve {
  readonly label: string;
  /** Ascending in x. */
  readonly points: readonly { readonly x: number; readonly y: Summary }[];
}

export interface Axes {
  readonly x: string;
  readonly y: string;
  readonly scale: ScaleKind;
  readonly yScale: ScaleKind;
}

const WIDTH = 860;
const [LEFT, RIGHT] = [80, 830];
const [TOP, BOTTOM] = [58, 330];
const BELOW = 46;
/** So many different x, and each gets its own tick. */
const FEW = 9;

/** Lines through the medians, with a bar from the least round to the largest at each point. */
export function curvesPlot(id: string, title: string, axes: Axes, curves: readonly DrawnCurve[]): Markup {
  const points = curves.flatMap((curve) => curve.points);
  const [x, y] = [xScale(axes, points), yScale(axes, points)];
  return svg(
    { id, width: WIDTH, height: BOTTOM + BELOW, title: `${title}: ${axes.y} by ${axes.x}`, about: aboutOf(curves) },
    horizontals(y, LEFT, RIGHT),
    verticals(x, BOTTOM, BOTTOM + 4),
    tag("line", { class: "base", x1: LEFT, x2: RIGHT, y1: BOTTOM, y2: BOTTOM }),
    tag("text", { class: "axis", x: 0, y: TOP - 18 }, axes.y),
    tag("text", { class: "axis", x: RIGHT, y: BOTTOM + 38, "text-anchor": "end" }, axes.x),
    legend(curves),
    curves.map((curve, at) => line(curve, at, x, y)),
  );
}

function line({ label, points }: DrawnCurve, at: number, x: Scale, y: Scale): Markup {
  const usable = points.filter((point) => Number.isFinite(y.place(point.y.median)));
  const path = usable.map((point) => `${round(x.place(point.x))} ${round(y.place(point.y.median))}`).join("L");
  return tag(
    "g",
    { class: `series s${at}` },
    path === "" ? [] : tag("path", { class: "curve", d: `M${path}` }),
    usable.map((point) => {
      const [cx, cy] = [x.place(point.x), y.place(point.y.median)];
      const words = `${label}, ${show(point.x)}: ${show(point.y.median)} (${showSpread(point.y)})`;
      const [low, high] = [point.y.min, point.y.max].map((end) => finite(y.place(end), cy));
      return tag(
        "g",
        {},
        plain("title", words),
        tag("line", { class: "whisker", x1: cx, x2: cx, y1: low ?? cy, y2: high ?? cy }),
        tag("circle", { class: "dot", cx, cy, r: 4.5 }),
      );
    }),
  );
}

function legend(curves: readonly DrawnCurve[]): Markup[] {
  let x = 0;
  return curves.map(({ label }, at) => {
    const start = x;
    // Room by the number of letters: wide enough for any of them in the page's font.
    x += 44 + label.length * 7.5;
    return tag(
      "g",
      { class: `series s${at}` },
      tag("line", { class: "curve", x1: start, x2: start + 20, y1: 12, y2: 12 }),
      tag("text", { x: start + 26, y: 16 }, label),
    );
  });
}

function xScale({ scale }: Axes, points: DrawnCurve["points"]): Scale {
  const values = [...new Set(points.map((point) => point.x))].sort((a, b) => a - b);
  const whole = scaleOf(scale, domainOf(scale, values), LEFT + 30, RIGHT - 30);
  return values.length <= FEW ? { ...whole, ticks: values } : whole;
}

/** Linear from 0, so that twice as high is twice as much. */
function yScale({ yScale: kind }: Axes, points: DrawnCurve["points"]): Scale {
  const values = points.flatMap(({ y }) => [y.min, y.max]);
  const domain = domainOf(kind, kind === "log" ? values : [0, ...values]);
  return scaleOf(kind, domain, BOTTOM, TOP);
}

function aboutOf(curves: readonly DrawnCurve[]): string {
  return curves
    .map(({ label, points }) => `${label}: ${points.map(({ x, y }) => `${show(x)}: ${show(y.median)}`).join(", ")}`)
    .join("; ");
}

function finite(value: number, otherwise: number): number {
  return Number.isFinite(value) ? value : otherwise;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
