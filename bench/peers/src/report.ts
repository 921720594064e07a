import type { PeerName, Work } from "./arguments.js";

/** What several rounds came to. */
export interface Summary {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** A peer's figures for a work, by name; or why there are none. */
export interface Row {
  readonly peer: PeerName;
  readonly figures: Readonly<Record<string, Summary>>;
  /** Over all rounds: awaits and jobs that came to nothing, or to something wrong. */
  readonly lost: number | null;
  readonly failed: string | null;
}

/** One work, with all that took part in it. */
export interface Block {
  readonly work: Work;
  readonly title: string;
  readonly rows: readonly Row[];
}

interface Column {
  readonly figure: string;
  readonly label: string;
}

const AWAITING: readonly Column[] = [
  { figure: "p50", label: "p50 ms" },
  { figure: "p99", label: "p99 ms" },
];

const COLUMNS: Readonly<Record<Work, readonly Column[]>> = {
  latency: AWAITING,
  same: AWAITING,
  inflight: [
    { figure: "results", label: "results/s" },
    { figure: "p99", label: "p99 ms" },
  ],
  noop: [
    { figure: "jobs", label: "jobs/s" },
    { figure: "delay", label: "host loop p99 ms" },
  ],
  cpu: [
    { figure: "jobs", label: "jobs/s" },
    { figure: "ofPiscina", label: "of bare Piscina's" },
    { figure: "delay", label: "host loop p99 ms" },
  ],
};

/** The table's cells, each work under its own heading. Pure. */
export function cells(blocks: readonly Block[]): string[][] {
  return blocks.flatMap(({ work, title, rows }) => {
    const columns = COLUMNS[work];
    const head = [title, ...columns.map(({ label }) => label), "lost"];
    const body = rows.map(({ peer, figures, lost, failed }) => [
      `  ${peer}`,
      ...columns.map(({ figure }) => (failed === null ? cell(figures[figure]) : "failed")),
      lost === null ? "" : show(lost),
    ]);
    return [head, ...body, [""]];
  });
}

function cell(summary: Summary | undefined): string {
  if (summary === undefined) return "";
  return `${show(summary.median)} (${show(summary.min)}-${show(summary.max)})`;
}

/** Three digits are all that a measurement is good for. */
function show(value: number): string {
  if (Number.isInteger(value) || Math.abs(value) >= 100) return Math.round(value).toLocaleString("en");
  return value.toFixed(Math.abs(value) >= 10 ? 1 : 2);
}
