import { circumstances, disturbance, showRatio, showSpread, showTarget, showWith, verdict } from "./format.js";
import { type Report, type Row, rowsOf } from "./report.js";
import { table } from "./table.js";

const HEAD = ["", "measured", "min-max", "floor", "ratio", "min-max", "target", ""];

/** One table, for people. */
export function textReport(report: Report): string {
  const rows = report.measured.flatMap((measured) => [[measured.question.title], ...rowsOf(measured).map(cellsOf)]);
  return `${circumstances(report).join("\n")}\n\n${table([HEAD, ...rows])}\n${notes(report)}`;
}

function cellsOf(row: Row): string[] {
  const { label, unit, figure, floor, ratio, target } = row;
  return [
    `  ${label}`,
    showWith(figure.median, unit),
    showSpread(figure),
    floor ? showWith(floor.median, unit) : "",
    ratio ? showRatio(ratio.median) : "",
    ratio ? showSpread(ratio) : "",
    target ? showTarget(target, unit) : "",
    verdict(row),
  ];
}

function notes({ measured }: Report): string {
  const lines = measured.map(({ question: { title, about } }) => `${title}: ${about}`);
  const disturbances = measured
    .map((one) => ({ title: one.question.title, words: disturbance(one) }))
    .filter(({ words }) => words !== "")
    .map(({ title, words }) => `! ${title}: ${words}`);
  return ["", ...lines, ...disturbances, ""].join("\n");
}
