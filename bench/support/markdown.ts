import { markdownTable } from "markdown-table";
import { plural, showRatio, showSpread, showTarget, showWith, verdict } from "./format.js";
import type { Measured } from "./measure.js";
import { type Report, type Row, rowsOf } from "./report.js";

/** Characters in a line of prose. */
const WIDTH = 100;
const HEAD = ["", "measured", "min-max", "floor", "ratio", "min-max", "target", ""];

/** The report for people. */
export function textReport(report: Report): string {
  const sections = report.measured.map((measured) => {
    const remark = disturbance(measured);
    const parts = [heading(measured), measured.question.about, remark && `! ${remark}`, linesTable(rowsOf(measured))];
    return parts.filter(Boolean).join("\n\n");
  });
  return `${[list(circumstances(report)), ...sections].join("\n\n")}\n`;
}

export function heading({ question: { title, scope } }: Measured): string {
  return `## ${title} \`${scope}\``;
}

/** A table with the first `words` columns to the left, as text, and all others to the right. */
export function table(head: readonly string[], rows: readonly (readonly string[])[], words = 1): string {
  return markdownTable([[...head], ...rows.map((row) => [...row])], {
    align: head.map((_, column) => (column < words ? "" : "r")),
  });
}

export function list(items: readonly string[]): string {
  return items.map((item) => wrap(`- ${item}`, "  ")).join("\n");
}

/** Wraps a paragraph at 100 characters. `indent` leads each line but the first. */
export function wrap(text: string, indent = ""): string {
  let line = "";
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (longer.length > WIDTH && line !== "") {
      lines.push(line);
      line = indent + word;
    } else {
      line = longer;
    }
  }
  return [...lines, line].join("\n");
}

/** All lines of a question. Columns without any content are left out. */
export function linesTable(rows: readonly Row[]): string {
  const lines = rows.map((row) => [
    row.label,
    showWith(row.figure.median, row.unit),
    showSpread(row.figure),
    row.floor ? showWith(row.floor.median, row.unit) : "",
    row.ratio ? showRatio(row.ratio.median) : "",
    row.ratio ? showSpread(row.ratio) : "",
    row.target ? showTarget(row.target, row.unit) : "",
    verdict(row),
  ]);
  const used = HEAD.map((_, column) => column === 0 || lines.some((line) => line[column] !== ""));
  const within = <Cell>(cells: readonly Cell[]): Cell[] => cells.filter((_, column) => used[column]);
  return table(within(HEAD), lines.map(within));
}

/** The machine and the method, one fact a line. */
export function circumstances({ date, environment, rounds, measured, notes }: Report): string[] {
  const discarded = measured.reduce((sum, one) => sum + one.discarded.length, 0);
  return [
    `${date}: ${machine({ environment })}`,
    `${method({ rounds })}; ${loadOf({ environment })}`,
    `${plural(discarded, "round")} discarded, because other programs had the machine`,
    ...notes,
  ];
}

export function machine({ environment }: Pick<Report, "environment">): string {
  const { baton, node, platform, cores, cpu, postgres, others } = environment;
  const server = postgres
    ? `PostgreSQL ${postgres.version} (${postgres.source}), fsync ${postgres.fsync}, ` +
      `synchronous_commit ${postgres.synchronousCommit}`
    : "no PostgreSQL";
  const packages = Object.entries(others ?? {}).map(([name, version]) => `${name} ${version}`);
  return [`pg-baton ${baton}`, `Node.js ${node}`, server, ...packages, `${platform}, ${cores} cores (${cpu})`].join(
    ", ",
  );
}

export function method({ rounds }: Pick<Report, "rounds">): string {
  return `medians of ${plural(rounds, "round")} in turns, after a warm-up`;
}

function loadOf({ environment: { load } }: Pick<Report, "environment">): string {
  return `load average ${load.before.toFixed(1)} before, ${load.after.toFixed(1)} after`;
}

/** How other programs disturbed a question; empty if they did not. */
export function disturbance({ rounds, discarded, disturbed, slowdown }: Measured): string {
  const repeated = discarded.length > 0 ? `${plural(discarded.length, "round")} discarded` : "";
  const percent = Math.round((slowdown - 1) * 100);
  const kept =
    `DISTURBED: ${disturbed} of the ${plural(rounds.length, "round")} that count, ` +
    `the same computation took up to ${percent} % longer than at best`;
  return [repeated, disturbed > 0 ? kept : ""].filter(Boolean).join("; ");
}
