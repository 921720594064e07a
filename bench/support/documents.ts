import { showRatio, showSpread, showWith, show } from "./format.js";
import { linesTable, list, machine, method, table, wrap } from "./markdown.js";
import { rangePlot } from "./plots/ranges.js";
import { withLightColours } from "./style.js";
import type { Row, Stored, StoredQuestion } from "./report.js";

const OPEN = "<!-- figures: made by npm run bench:docs -->";
const CLOSE = "<!-- /figures -->";

const NAMES: Readonly<Record<string, string>> = {
  baton: "Baton",
  "graphile-worker": "graphile-worker",
  "pg-boss": "pg-boss",
  "bullmq-postgres": "BullMQ on PostgreSQL",
  "bullmq-redis": "BullMQ on Redis",
  floor: "Floor, by hand",
  piscina: "Piscina alone",
};

/** The README's rows, by the scope of the question: the label, and the cell of a contender. */
const HEADLINES: Readonly<Record<string, { label: string; cell: (figures: Figures) => string }>> = {
  latency: { label: "One await, two processes: p50 / p99, ms", cell: ({ p50, p99 }) => pair(p50, p99) },
  same: { label: "One await, one process: p50, ms", cell: ({ p50 }) => median(p50) },
  inflight: { label: "100 awaits in flight: results/s", cell: ({ results }) => median(results) },
  noop: { label: "No-op jobs: jobs/s", cell: ({ jobs }) => median(jobs) },
  cpu: {
    label: "CPU-bound jobs: share of Piscina alone",
    cell: ({ jobs }) => (jobs?.ratio ? jobs.ratio.median.toFixed(2) : ""),
  },
};

/** The rows of a contender by the name of their figure. */
type Figures = Readonly<Record<string, Row | undefined>>;

/** The stored results of both benches. */
export interface Results {
  readonly floors: Stored;
  readonly peers: Stored;
}

/** Replaces the text between the markers. Text without them stays as it is. */
export function fill(text: string, figures: string): string {
  const [from, to] = [text.indexOf(OPEN), text.indexOf(CLOSE)];
  if (from === -1 || to < from) return text;
  return `${text.slice(0, from + OPEN.length)}\n\n${figures}\n\n${text.slice(to)}`;
}

/** The README's figures: a row for each work beside the peers. */
export function readmeFigures({ peers }: Results): string {
  const lost = lostAwaits(peers);
  const { node, cores, postgres, others } = peers.environment;
  const servers = [postgres && `PostgreSQL ${postgres.version}`, others?.["Redis"] && `Redis ${others["Redis"]}`];
  const where = [`Node.js ${node}`, ...servers.filter(Boolean), `${cores} cores`].join(", ");
  const caption = [`Measured on ${peers.date}: ${where}; ${method(peers)}.`, lost].filter(Boolean);
  return `${headlines(peers)}\n\n${wrap(caption.join(" "))}`;
}

/** All figures, for `docs/benchmarks.md`. */
export function benchmarkFigures({ floors, peers }: Results): string {
  const about = (stored: Stored) => list([`${stored.date}: ${machine(stored)}`, method(stored), ...stored.notes]);
  return [
    "## Beside its peers",
    about(peers),
    headlines(peers),
    "![The time of one await between two processes: p50 and p99 of each](latency.svg)",
    ...peers.questions.flatMap((question) => [`### ${capital(question.title)}`, peerTable(question)]),
    "## Beside floors written by hand",
    about(floors),
    ...floors.questions.flatMap(({ title, about: text, rows }) => [
      `### ${capital(title)}`,
      wrap(text),
      linesTable(rows.map(withoutTarget)),
    ]),
  ].join("\n\n");
}

/** Draws p50 and p99 of one await between two processes, the README's first row. */
export function latencyPicture({ peers }: Results): string {
  const question = peers.questions.find(({ scope }) => scope === "latency");
  const ranges = contendersOf(question?.rows ?? []).flatMap(({ name, figures: { p50, p99 } }) =>
    p50 && p99 ? [{ label: NAMES[name] ?? name, p50: p50.figure.median, p99: p99.figure.median }] : [],
  );
  const svg = rangePlot("One await between two processes", "ms", ranges);
  const paper = '<rect width="100%" height="100%" fill="var(--paper)"/>';
  return `${withLightColours(svg.replace(">", `>${paper}`))}\n`;
}

function headlines({ questions }: Stored): string {
  const names = Object.keys(NAMES).filter((name) =>
    questions.some(({ rows }) => rows.some(({ of: [contender] }) => contender === name)),
  );
  const lines = questions.flatMap(({ scope, rows }) => {
    const headline = HEADLINES[scope];
    if (headline === undefined) return [];
    const contenders = new Map(contendersOf(rows).map(({ name, figures }) => [name, figures]));
    return [[headline.label, ...names.map((name) => headline.cell(contenders.get(name) ?? {}))]];
  });
  return table(["", ...names.map((name) => NAMES[name] ?? name)], lines);
}

/** The contenders of a question as rows, their figures as columns. */
function peerTable({ rows }: StoredQuestion): string {
  const contenders = contendersOf(rows);
  const known = rows.filter(({ figure: { median: value } }) => Number.isFinite(value));
  const columns = [...new Set(known.map(({ of: [, figure] }) => figure))];
  const compared = rows.some(({ ratio }) => ratio !== null);
  const head = columns.map((figure) => {
    const row = rows.find(({ of }) => of[1] === figure);
    const label = row?.label.replace(/^[^,]*, /, "") ?? "";
    return figure === "lost" ? label : `${label}, ${row?.unit}`;
  });
  const lines = contenders.map(({ name, figures }) => [
    NAMES[name] ?? name,
    ...columns.map((figure) => withSpread(figures[figure])),
    ...(compared ? [figures["jobs"]?.ratio ? showRatio(figures["jobs"].ratio.median) : ""] : []),
  ]);
  return table(["", ...head, ...(compared ? ["of Piscina alone"] : [])], lines);
}

function contendersOf(rows: readonly Row[]): { name: string; figures: Figures }[] {
  const all = new Map<string, Record<string, Row>>();
  for (const row of rows) {
    const [contender, figure] = row.of;
    all.set(contender, { ...all.get(contender), [figure]: row });
  }
  const order = Object.keys(NAMES);
  const ordered = [...all].toSorted(([a], [b]) => order.indexOf(a) - order.indexOf(b));
  return ordered.map(([name, figures]) => ({ name, figures }));
}

/** Targets are ours, and stay in the bench. */
function withoutTarget(row: Row): Row {
  return { ...row, target: null, met: null };
}

/** A sentence about the awaits that were lost, where any were. */
function lostAwaits({ questions }: Stored): string {
  const rows = questions.flatMap((question) => question.rows.map((row) => ({ ...row, question })));
  const lost = rows.filter(({ of: [, figure], figure: { median: count } }) => figure === "lost" && count > 0);
  return lost
    .map(({ of: [name], figure, unit, question: { title } }) => {
      return `${NAMES[name] ?? name} lost ${show(figure.median)} ${unit} (${title}).`;
    })
    .join(" ");
}

function median(row: Row | undefined): string {
  return row ? show(row.figure.median) : "";
}

function pair(one: Row | undefined, other: Row | undefined): string {
  return one && other ? `${median(one)} / ${median(other)}` : "";
}

function withSpread(row: Row | undefined): string {
  if (row === undefined) return "";
  if (row.of[1] === "lost" && row.figure.median > 0) return showWith(row.figure.median, row.unit);
  const spread = showSpread(row.figure);
  return spread === "" ? median(row) : `${median(row)} (${spread})`;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
