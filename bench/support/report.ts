import type { Environment } from "./environment.js";
import type { Spread } from "./stats.js";

/** One answered question: medians over the rounds, with their spread, and what was hoped for. */
export interface Row {
  readonly scope: string;
  readonly work: string;
  readonly figure: string;
  readonly unit: string;
  readonly baton: Spread;
  /** The same work by hand, or by another tool, in the same rounds. */
  readonly beside?: { readonly name: string; readonly spread: Spread };
  /** Median over the rounds of Baton's figure by the other's. */
  readonly ratio?: Spread;
  readonly target?: { readonly text: string; readonly met: boolean };
}

export interface Report {
  readonly environment: Environment;
  readonly rounds: number;
  readonly rows: readonly Row[];
}

export const REPORTERS: Readonly<Record<string, (report: Report) => string>> = {
  json: (report) => `${JSON.stringify(report, null, 2)}\n`,
  text,
};

function text({ environment, rounds, rows }: Report): string {
  const cells = [
    ["work", "figure", "Baton", "beside it", "ratio", "target", ""],
    ...rows.map((row) => [
      row.work,
      `${row.figure}, ${row.unit}`,
      shown(row.baton),
      row.beside === undefined ? "" : `${row.beside.name} ${shown(row.beside.spread)}`,
      row.ratio === undefined ? "" : shown(row.ratio),
      row.target?.text ?? "",
      row.target === undefined ? "" : row.target.met ? "met" : "MISSED",
    ]),
  ];
  const widths = (cells[0] ?? []).map((_, column) => Math.max(...cells.map((line) => line[column]?.length ?? 0)));
  const table = cells.map((line) =>
    line
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
  const { node, postgres, cores, fsync, version } = environment;
  const head = `pg-baton ${version}, Node.js ${node}, PostgreSQL ${postgres} (fsync ${fsync}), ${cores} cores; medians of ${rounds} rounds (min–max)`;
  return `${head}\n\n${table.join("\n")}\n`;
}

function shown({ median, min, max }: Spread): string {
  return `${rounded(median)} (${rounded(min)}–${rounded(max)})`;
}

function rounded(value: number): string {
  if (Math.abs(value) >= 1_000) return Math.round(value).toLocaleString("en");
  return Number(value.toPrecision(3)).toString();
}
