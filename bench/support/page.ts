import { Marked } from "marked";
import { show, showRatio, showSpread, showTarget, showWith, verdict } from "./format.js";
import { circumstances, disturbance, heading, linesTable, list, table } from "./markdown.js";
import type { Measured } from "./measure.js";
import { curvePlot, type DrawnCurve } from "./plots/curves.js";
import { distributionPlot, type Lane } from "./plots/distribution.js";
import { ratioPlot } from "./plots/ratios.js";
import { type Report, rowsOf, seriesOf } from "./report.js";
import { percentile, summarize } from "./stats.js";
import { STYLE } from "./style.js";

const PERCENTS = [50, 90, 99, 100];

const markdown = new Marked({
  renderer: {
    html: ({ text }) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;"),
    tablecell({ header, align, text, tokens }) {
      const className = /^(?:met|missed)\b/.exec(text)?.[0] ?? (align === null ? "words" : "");
      const tag = header ? "th" : "td";
      return `<${tag}${className && ` class="${className}"`}>${this.parser.parseInline(tokens)}</${tag}>`;
    },
  },
});

/** One self-contained page: the targets, all ratios, and each question with its plots. */
export function htmlReport(report: Report): string {
  const { measured } = report;
  const judged = measured.flatMap(rowsOf).filter(({ target }) => target !== null);
  const met = judged.filter((row) => row.met === true);
  const head = [
    `# pg-baton, measured`,
    `**${met.length} of ${judged.length} targets met.**`,
    list(circumstances(report)),
  ];
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8"/>
<meta name="viewport" content="width=device-width, initial-scale=1"/>
<title>pg-baton: bench</title>
<style>${STYLE}</style>
</head>
<body>
<header>${html(head.join("\n\n"))}</header>
${judged.length > 0 ? section("targets", html(targets(measured))) : ""}
${measured.flatMap(rowsOf).some(({ ratio }) => ratio !== null) ? section("ratios", ratios(measured)) : ""}
${measured.map((one, at) => section(`q${at}`, question(one))).join("\n")}
</body>
</html>
`;
}

function html(text: string): string {
  return markdown.parse(text, { async: false }).trimEnd();
}

function section(id: string, content: string): string {
  return `<section id="${id}">${content}</section>`;
}

function targets(measured: readonly Measured[]): string {
  const rows = measured.flatMap((one, at) =>
    rowsOf(one).flatMap((row) => {
      const { label, unit, figure, ratio, target } = row;
      if (target === null) return [];
      const on = target.on === "ratio" ? ratio : figure;
      const value = on?.median ?? Number.NaN;
      return [
        [
          `[${one.question.title}](#q${at})`,
          label,
          target.on === "ratio" ? showRatio(value) : showWith(value, unit),
          on ? showSpread(on) : "",
          showTarget(target, unit),
          verdict(row),
        ],
      ];
    }),
  );
  return `## Targets\n\n${table(["", "", "measured", "min-max", "target", ""], rows, 2)}`;
}

function ratios(measured: readonly Measured[]): string {
  const text =
    "## Beside the floor\n\nThe floor is the least that the same work costs when written by hand; each question " +
    "below says what it is. Of times, less is better; of rates (/s), more. A dot is the median of the rounds' " +
    "ratios, its line spans the rounds, the upright mark is the target.";
  const all = measured.map((one) => ({ title: one.question.title, rows: rowsOf(one) }));
  return `${html(text)}<figure>${ratioPlot(all)}</figure>`;
}

function question(measured: Measured): string {
  const remark = disturbance(measured);
  return [
    html(`${heading(measured)}\n\n${measured.question.about}`),
    remark && `<p class="${measured.disturbed > 0 ? "disturbed" : "soft"}">${remark}</p>`,
    ...distributions(measured),
    curves(measured),
    html(linesTable(rowsOf(measured))),
  ].join("\n");
}

/** Draws the samples of all rounds together. */
function distributions({ question: { title, distributions: all = [] }, rounds }: Measured): string[] {
  return all.map(({ x, of }) => {
    const lanes = of.map(([contender, name]): Lane => {
      return { label: contender, samples: rounds.flatMap(({ samples }) => samples[contender]?.[name] ?? []) };
    });
    const rows = lanes.map(({ label, samples }) => [
      label,
      show(samples.length),
      ...PERCENTS.map((percent) => show(percentile(samples, percent))),
    ]);
    const head = [x, "samples", ...PERCENTS.map((percent) => (percent === 100 ? "max" : `p${percent}`))];
    return figure(distributionPlot(title, x, lanes), table(head, rows));
  });
}

function curves({ question: { title, curves: asked }, rounds }: Measured): string {
  if (asked === undefined) return "";
  const { axes, of } = asked;
  const drawn = of.map(({ label, points }): DrawnCurve => {
    const summaries = points.map((point) => ({ x: point.x, y: summarize(seriesOf(rounds, point.of)) }));
    return { label, points: summaries.toSorted((a, b) => a.x - b.x) };
  });
  return figure(curvePlot(title, axes, drawn));
}

function figure(plot: string, figures = ""): string {
  const details = figures && `<details><summary>in figures</summary>${html(figures)}</details>`;
  return `<figure>${plot}${details}</figure>`;
}
