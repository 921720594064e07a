import * as Plot from "@observablehq/plot";
import { range } from "d3-array";
import { DOMParser } from "linkedom";

export type Span = readonly [low: number, high: number];

export const WIDTH = 860;
export const BOLD = { fontWeight: "bold" } as const;
/** Places text in the left margin, or in the right one. */
export const IN_LEFT = { frameAnchor: "left", textAnchor: "end", dx: -14 } as const;
export const IN_RIGHT = { frameAnchor: "right", textAnchor: "start", dx: 14 } as const;

/** Returns XML. Its colours are attributes: the variables of `style.ts`. */
export function render(options: Plot.PlotOptions): string {
  const document = new DOMParser().parseFromString("<svg/>", "image/svg+xml") as never;
  const svg = Plot.plot({ ...options, document, width: WIDTH, style: { fontSize: "13px" } });
  svg.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  svg.setAttribute("role", "img");
  svg.removeAttribute("style");
  svg.setAttribute("font-size", "13");
  svg.querySelector("style")?.remove();
  return String(svg).replaceAll("currentColor", "var(--ink)").replaceAll("var(--plot-background)", "var(--paper)");
}

/** Vertical lines at the ticks, and the axis below. */
export function xAxis(ticks: readonly number[], label: string, suffix = ""): Plot.Markish[] {
  const tickFormat = (tick: number): string => `${tick.toLocaleString("en")}${suffix}`;
  return [
    Plot.gridX(ticks, { stroke: "var(--line)", strokeOpacity: 1 }),
    Plot.axisX(ticks, { tickFormat, tickSize: 0, label, labelArrow: "none", color: "var(--soft)" }),
  ];
}

/** Horizontal lines at the ticks, and the axis on the left. */
export function yAxis(ticks: readonly number[], label: string): Plot.Markish[] {
  const tickFormat = (tick: number): string => tick.toLocaleString("en");
  return [
    Plot.gridY(ticks, { stroke: "var(--line)", strokeOpacity: 1 }),
    Plot.axisY(ticks, { tickFormat, tickSize: 0, label, labelArrow: "none", color: "var(--soft)" }),
  ];
}

/** The colour of a mark, by the position of its `label` among the series. */
export function colourOf(all: readonly { readonly label: string }[]) {
  const labels = all.map(({ label }) => label);
  return ({ label }: { readonly label: string }): string => `var(--s${labels.indexOf(label)})`;
}

/** The span of the positive numbers, widened by a factor, or if all are the same. */
export function spanOf(values: readonly number[], widen = 1): Span {
  const usable = values.filter((value) => Number.isFinite(value) && value > 0);
  if (usable.length === 0) return [1, 10];
  const [min, max] = [Math.min(...usable), Math.max(...usable)];
  return min < max ? [min / widen, max * widen] : [min / 2, max * 2];
}

/** The 1, 2 and 5 of each power of ten within the span. */
export function roundTicks([low, high]: Span): number[] {
  const powers = range(Math.floor(Math.log10(low)), Math.ceil(Math.log10(high)) + 1);
  const ticks = powers.flatMap((power) => [1, 2, 5].map((digit) => Number(`${digit}e${power}`)));
  return ticks.filter((tick) => tick >= low && tick <= high);
}
