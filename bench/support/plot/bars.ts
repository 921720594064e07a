import type { Row } from "../report.js";
import { showRatio, showSpread, showTarget, verdict } from "../format.js";
import { verticals } from "./axis.js";
import { type Markup, plain, svg, tag } from "./markup.js";
import { domainOf, type Scale, scaleOf } from "./scale.js";

const WIDTH = 860;
const [LEFT, RIGHT] = [270, 510];
const TOP = 30;
const HEADING = 30;
const BAR = 24;
const BELOW = 40;

/**
 * Each line's ratio to its floor as a bar that begins at 1x, with the rounds' spread and the target. Lines without a ratio,
 * or with one that is no number above 0, are left out. Questions stand above their lines.
 */
export function barsPlot(id: string, rows: readonly Row[]): Markup {
  const drawn = rows.filter(({ ratio }) => ratio !== null && ratio.median > 0 && Number.isFinite(ratio.median));
  const values = drawn.flatMap(({ ratio, target }) => [ratio?.median, ratio?.min, ratio?.max, markOf(target)]);
  const domain = domainOf("log", [1, ...values.filter((value) => value !== undefined)]);
  const scale = scaleOf("log", { min: domain.min / 1.1, max: domain.max * 1.1 }, LEFT, RIGHT);
  let y = TOP;
  const bars: Markup[] = [];
  for (const [at, row] of drawn.entries()) {
    if (row.question !== drawn[at - 1]?.question) {
      y += HEADING;
      bars.push(tag("text", { class: "heading", x: 0, y: y - 8 }, row.question));
    }
    bars.push(bar(row, scale, y));
    y += BAR;
  }
  const about = drawn.map((row) => `${row.question}, ${row.label}: ${showRatio(row.ratio?.median ?? 0)}`).join("; ");
  return svg(
    { id, width: WIDTH, height: y + BELOW, title: "Ratios to the floor", about },
    verticals(scale, TOP, y + 4, (tick) => `${tick}x`),
    tag("line", { class: "one", x1: scale.place(1), x2: scale.place(1), y1: TOP, y2: y + 4 }),
    tag("text", { class: "axis", x: scale.place(1), y: TOP - 8, "text-anchor": "middle" }, "the floor"),
    bars,
  );
}

function bar(row: Row, scale: Scale, top: number): Markup {
  const { label, unit, ratio, target } = row;
  const { median, min, max } = ratio ?? { median: 1, min: 1, max: 1 };
  const [one, end] = [scale.place(1), scale.place(median)];
  const middle = top + BAR / 2;
  const mark = markOf(target);
  const words = `${showRatio(median)} (${ratio ? showSpread(ratio) : ""})`;
  const aim = target?.on === "ratio" ? `aim ${showTarget(target, unit)}, ${verdict(row)}` : "";
  return tag(
    "g",
    { class: classOf(row) },
    plain("title", `${row.question}, ${label}: ${words} ${aim}`.trimEnd()),
    tag("text", { x: LEFT - 16, y: middle + 4, "text-anchor": "end" }, label),
    tag("rect", { class: "bar", x: Math.min(one, end), y: top + 5, width: Math.abs(end - one), height: BAR - 10 }),
    tag("line", { class: "whisker", x1: clamped(scale, min), x2: clamped(scale, max), y1: middle, y2: middle }),
    tag("circle", { class: "median", cx: end, cy: middle, r: 4 }),
    mark === undefined
      ? []
      : tag("line", { class: "aim", x1: scale.place(mark), x2: scale.place(mark), y1: top + 1, y2: top + BAR - 1 }),
    tag("text", { class: "value", x: RIGHT + 16, y: middle + 4 }, words),
    tag("text", { class: "verdict", x: WIDTH, y: middle + 4, "text-anchor": "end" }, aim),
  );
}

/** Where the target stands among the ratios, if it is one. */
function markOf(target: Row["target"]): number | undefined {
  return target?.on === "ratio" ? (target.atMost ?? target.atLeast) : undefined;
}

function classOf({ met, target }: Row): string {
  if (target?.on !== "ratio") return "row";
  return met === true ? "row met" : "row missed";
}

/** A round's ratio may be no number above 0, where its floor measured nothing. */
function clamped(scale: Scale, value: number): number {
  if (value <= 0) return LEFT;
  return Number.isFinite(value) ? scale.place(value) : RIGHT;
}
