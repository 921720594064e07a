import * as Plot from "@observablehq/plot";
import { showRatio, showSpread, showTarget, verdict } from "../format.js";
import type { Row } from "../report.js";
import type { Summary } from "../stats.js";
import { BOLD, IN_LEFT, IN_RIGHT, render, roundTicks, spanOf, xAxis } from "./canvas.js";

const BAR = 24;
const [LEFT, RIGHT] = [270, 350];

/**
 * Draws each row's ratio to its floor as a bar from 1x, with the spread of the rounds and the
 * target. Leaves out rows without a positive ratio. Questions stand above their rows.
 */
export function ratioPlot(questions: readonly { title: string; rows: readonly Row[] }[]): string {
  const groups = questions
    .map(({ title, rows }) => ({
      title,
      bars: rows.flatMap((row) => (row.ratio && row.ratio.median > 0 ? [barOf(title, row, row.ratio)] : [])),
    }))
    .filter(({ bars }) => bars.length > 0);
  const bars = groups.flatMap((group) => group.bars);
  const titles = groups.map(({ title }) => title);
  const keys = groups.flatMap((group) => [group.title, ...group.bars.map(({ key }) => key)]);
  const fill = ({ tone }: { tone: "met" | "missed" | "soft" }): string => `var(--${tone})`;
  const domain = spanOf([1, ...bars.flatMap(({ low, high, target }) => [low, high, target ?? 1])], 1.1);
  const y = "key";
  const thin = { y1: y, y2: y, strokeWidth: 1.5 } as const;
  return render({
    ariaLabel: "Ratios to the floor",
    ariaDescription: bars.map(({ words }) => words).join("; "),
    height: 60 + keys.length * BAR,
    marginLeft: LEFT,
    marginRight: RIGHT,
    marginTop: 26,
    x: { type: "log", domain },
    y: { domain: keys, axis: null },
    marks: [
      ...xAxis(roundTicks(domain), "", "x"),
      Plot.ruleX([1], { stroke: "var(--soft)" }),
      Plot.text(["the floor"], { x: () => 1, frameAnchor: "top", dy: -16, fill: "var(--soft)" }),
      Plot.text(titles, { y: (title: string) => title, ...IN_LEFT, textAnchor: "start", dx: -LEFT, ...BOLD }),
      Plot.barX(bars, { x1: 1, x2: "median", y, fill, fillOpacity: 0.35, insetTop: 5, insetBottom: 5 }),
      Plot.link(bars, { x1: "low", x2: "high", stroke: fill, ...thin }),
      Plot.dot(bars, { x: "median", y, fill, r: 4, title: "words" }),
      Plot.tickX(bars, { x: "target", y, stroke: "var(--ink)", strokeWidth: 2.5 }),
      Plot.text(bars, { y, text: "label", ...IN_LEFT }),
      Plot.text(bars, { y, text: "value", ...IN_RIGHT }),
      Plot.text(bars, { y, text: "verdict", ...IN_RIGHT, textAnchor: "end", dx: RIGHT, fill, fontSize: 12 }),
    ],
  });
}

function barOf(title: string, row: Row, { median, min, max }: Summary) {
  const { label, unit } = row;
  const target = row.target?.on === "ratio" ? row.target : null;
  return {
    key: `${title}, ${label}`,
    label,
    median,
    low: min > 0 ? min : median,
    high: Number.isFinite(max) ? max : median,
    target: target?.atMost ?? target?.atLeast,
    value: `${showRatio(median)} (${showSpread({ median, min, max })})`,
    verdict: target ? `${showTarget(target, unit)}, ${verdict(row)}` : "",
    words: `${title}, ${label}: ${showRatio(median)}`,
    tone: target === null ? ("soft" as const) : row.met === true ? ("met" as const) : ("missed" as const),
  };
}
