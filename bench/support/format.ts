import type { Target } from "./question.js";
import type { Row } from "./report.js";
import type { Summary } from "./stats.js";

/** Three digits are all that a measurement is good for. "-" for what is no number. */
export function show(value: number): string {
  if (!Number.isFinite(value)) return "-";
  if (Number.isInteger(value) || Math.abs(value) >= 100) return Math.round(value).toLocaleString("en");
  return value.toFixed(Math.abs(value) >= 10 ? 1 : 2);
}

export function showWith(value: number, unit: string): string {
  return `${show(value)} ${unit}`.trimEnd();
}

export function showRatio(value: number): string {
  return Number.isFinite(value) ? `${value.toFixed(2)}x` : "-";
}

/** Empty where the spread is not known. */
export function showSpread({ min, max }: Summary): string {
  return Number.isFinite(min) && Number.isFinite(max) ? `${show(min)}-${show(max)}` : "";
}

export function showTarget({ on, atMost, atLeast }: Target, unit: string): string {
  const of = on === "ratio" ? "x" : ` ${unit}`.trimEnd();
  return atMost === undefined ? `>= ${show(atLeast ?? 0)}${of}` : `<= ${show(atMost)}${of}`;
}

/** "met", or by how much the target was missed; empty without a target. */
export function verdict({ met, target, figure, ratio }: Row): string {
  if (met === null || target === null) return "";
  if (met) return "met";
  const value = target.on === "ratio" ? (ratio?.median ?? Number.NaN) : figure.median;
  return `missed by ${show(Math.abs(value - (target.atMost ?? target.atLeast ?? 0)))}`;
}

export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
