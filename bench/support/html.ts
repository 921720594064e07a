import { drawingsOf } from "./drawing.js";
import { circumstances, disturbance, showRatio, showSpread, showTarget, showWith, verdict } from "./format.js";
import type { Measured } from "./measure.js";
import { barsPlot } from "./plot/bars.js";
import { type Child, Markup, plain, tag } from "./plot/markup.js";
import { STYLE } from "./plot/style.js";
import { type Cell, htmlTable } from "./plot/table.js";
import { type Report, type Row, rowsOf } from "./report.js";

/** One page for a stranger: what was aimed at, what was measured, how it compares. It needs nothing from elsewhere. Pure. */
export function htmlReport(report: Report): string {
  const rows = report.measured.map(rowsOf);
  const page = tag(
    "html",
    { lang: "en" },
    plain(
      "head",
      tag("meta", { charset: "utf-8" }),
      tag("meta", { name: "viewport", content: "width=device-width, initial-scale=1" }),
      plain("title", "pg-baton: bench"),
      plain("style", new Markup(STYLE)),
    ),
    plain("body", header(report, rows.flat()), overview(rows), report.measured.map(section)),
  );
  return `<!DOCTYPE html>\n${page.text}\n`;
}

function header(report: Report, rows: readonly Row[]): Markup {
  const aims = rows.filter(({ target }) => target !== null);
  const met = aims.filter((row) => row.met === true);
  return plain(
    "header",
    plain("h1", "pg-baton, measured"),
    tag("p", { class: "verdict-line" }, plain("strong", `${met.length} of ${aims.length} aims met.`)),
    tag(
      "ul",
      { class: "facts" },
      circumstances(report).map((fact) => plain("li", fact)),
    ),
  );
}

function overview(rows: readonly (readonly Row[])[]): Child {
  const aims = rows.flatMap((ofOne, at) =>
    ofOne.filter(({ target }) => target !== null).map((row) => aimCells(row, at)),
  );
  const compared = rows.flat().filter(({ ratio }) => ratio !== null);
  return [
    aims.length === 0
      ? []
      : plain("section", plain("h2", "Aims"), htmlTable(["", "", "measured", "min-max", "aim", ""], aims, 2)),
    compared.length === 0
      ? []
      : plain(
          "section",
          plain("h2", "Beside the floor"),
          plain(
            "p",
            "The floor is the least that the same work costs when written by hand; each question below says what it is. ",
            "Of times less is better, of rates (/s) more.",
          ),
          plain(
            "figure",
            tag("div", { class: "wide" }, barsPlot("ratios", compared)),
            plain(
              "figcaption",
              "A dot is the median of the rounds' ratios, its line spans the rounds, the upright mark is the aim.",
            ),
          ),
        ),
  ];
}

function aimCells(row: Row, at: number): Cell[] {
  const { question, label, unit, figure, ratio, target } = row;
  const onRatio = target?.on === "ratio";
  return [
    tag("a", { href: `#q${at}` }, question),
    label,
    onRatio ? showRatio(ratio?.median ?? Number.NaN) : showWith(figure.median, unit),
    showSpread(onRatio && ratio ? ratio : figure),
    target ? showTarget(target, unit) : "",
    verdictCell(row),
  ];
}

function section(measured: Measured, at: number): Markup {
  const { scope, title, about } = measured.question;
  const words = disturbance(measured);
  return tag(
    "section",
    { id: `q${at}` },
    plain("h2", title, tag("span", { class: "scope" }, scope)),
    plain("p", about),
    words === "" ? [] : tag("p", { class: measured.disturbed > 0 ? "disturbed" : "soft" }, words),
    drawingsOf(measured, `q${at}`),
    linesTable(rowsOf(measured)),
  );
}

function linesTable(rows: readonly Row[]): Markup {
  const cells = rows.map((row) => [
    row.label,
    showWith(row.figure.median, row.unit),
    showSpread(row.figure),
    row.floor ? showWith(row.floor.median, row.unit) : "",
    row.ratio ? showRatio(row.ratio.median) : "",
    row.ratio ? showSpread(row.ratio) : "",
    row.target ? showTarget(row.target, row.unit) : "",
    verdictCell(row),
  ]);
  return htmlTable(["", "measured", "min-max", "floor", "ratio", "min-max", "aim", ""], cells);
}

function verdictCell(row: Row): Cell {
  if (row.met === null) return "";
  return { className: row.met ? "met" : "missed", child: verdict(row) };
}
