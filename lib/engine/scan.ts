import { setTimeout as sleep } from "node:timers/promises";
import { DatabaseError } from "../errors.js";
import { type JobErrorEntry, type JobRow, type JsonObject, stateOf } from "../job/job.js";
import type { Database, Statement } from "../postgres/database.js";
import { retryDelay } from "../backoff.js";
import { databaseError, isPassing } from "../postgres/failure.js";
import { type CheckedFilter, checkFilter, type JobFilter } from "./filter.js";
import { named, tablesOf } from "./fragments.js";

/**
 * Rows that one statement examines, whether they match the filter or not, so that its snapshot
 * lasts only milliseconds.
 */
const WINDOW = 10_000;
/** Most rows of a page. */
const PAGE = 1_000;
/** Characters of JSON from which a page is full. */
const PAGE_WEIGHT = 4 * 1_024 * 1_024;
/** Rows of a page that are read first, to learn how large they are. */
const FIRST = 10;
/** Most rows read from the cursor at once. */
const CHUNK = 200;
/** ms for which a read is retried while the database is unreachable. */
const PATIENCE = 15_000;
/** The latest time that a Date can hold. The table may hold later ones, and infinity. */
const LATEST = 8.64e15;

type Time = "scheduledAt" | "insertedAt" | "attemptedAt" | "finishedAt";

interface ScannedRow extends Omit<JobRow, "state" | "args" | "meta" | "errors" | Time> {
  readonly state: number;
  readonly args: string;
  readonly meta: string;
  readonly errors: string;
  /** ms since the epoch. */
  readonly scheduledAt: number;
  readonly insertedAt: number;
  readonly attemptedAt: number | null;
  readonly finishedAt: number | null;
}

/** The columns of a listed job, by field. */
const COLUMNS: Readonly<Record<keyof ScannedRow, string>> = {
  id: "id",
  state: "state",
  queue: "queue",
  worker: "worker",
  args: "args",
  meta: "meta",
  tags: "tags",
  priority: "priority",
  attempt: "attempt",
  maxAttempts: "max_attempts",
  scheduledAt: wholeMs("scheduled_at"),
  insertedAt: wholeMs("inserted_at"),
  attemptedAt: wholeMs("attempted_at"),
  finishedAt: wholeMs("finished_at"),
  attemptedBy: "attempted_by",
  errors: "errors",
};

/**
 * The conditions of a filter, by property, each on its parameter. `state + 0` keeps the planner
 * from the partial indexes: it would read all of one for each page, and sort.
 */
const CONDITIONS: Readonly<Record<keyof CheckedFilter, (parameter: string) => string>> = {
  states: (parameter) => `state + 0 = any(${parameter}::smallint[])`,
  queue: (parameter) => `queue = ${parameter}`,
  worker: (parameter) => `worker = ${parameter}`,
  tag: (parameter) => `${parameter} = any(tags)`,
  ids: (parameter) => `id = any(${parameter}::bigint[])`,
};

/**
 * A time as whole ms since the epoch. Its text would depend on the role's `datestyle` and
 * `timezone`.
 */
function wholeMs(column: string): string {
  const truncated = `pg_catalog.date_trunc('milliseconds', ${column})`;
  return `pg_catalog.round(pg_catalog.date_part('epoch', ${truncated}) * 1000::pg_catalog.float8)`;
}

/**
 * Lists jobs by id, any number of them in constant memory. While the caller's loop body runs, the
 * listing holds no connection and no transaction, so vacuum goes on.
 *
 * @throws {@link InvalidOptionError} at the first step of the loop
 * @throws {@link DatabaseError} at any step of the loop
 */
export async function* scanJobs(
  database: Database,
  prefix: string,
  filter: JobFilter,
): AsyncGenerator<JobRow, void, void> {
  const scan = new Scan(database, prefix, checkFilter(filter));
  for (let rows = await scan.next(); rows !== null; rows = await scan.next()) {
    for (const row of rows) yield toJobRow(row);
  }
}

/** A listing under way. It finds its pages by key, so each is a short statement of its own. */
class Scan {
  readonly #database: Database;
  readonly #filter: CheckedFilter;
  readonly #last: Statement;
  readonly #edge: Statement;
  /** The properties of the filter that are given, in the order of their parameters. */
  readonly #given: readonly (keyof CheckedFilter)[];
  readonly #page: string;
  /** The id after which the next page begins. */
  #after = Number.MIN_SAFE_INTEGER;
  /** The last id of the window, up to which one statement may read. */
  #until = Number.MIN_SAFE_INTEGER;
  /** The filter's ids that are in the window. All ids with every page would outweigh the rows. */
  #ids: readonly number[] | null = null;
  /**
   * The last id of the listing, fixed at its start, so that inserts cannot keep it going forever.
   */
  #end: number | undefined;

  constructor(database: Database, prefix: string, filter: CheckedFilter) {
    const { jobs } = tablesOf(prefix);
    this.#database = database;
    this.#filter = filter;
    this.#last = named("scan_last", `select id from ${jobs} order by id desc limit 1`);
    this.#edge = named(
      "scan_edge",
      `select id from ${jobs} where id > $1 and id <= $2 order by id limit 1 offset ${WINDOW - 1}`,
    );
    this.#given = (Object.keys(CONDITIONS) as (keyof CheckedFilter)[]).filter((key) => filter[key] !== null);
    this.#page = pageText(jobs, this.#given);
  }

  /** The next page, which may be empty; null at the end. */
  async next(): Promise<ScannedRow[] | null> {
    this.#end ??= await this.#lastId();
    if (this.#after >= this.#end) return null;
    if (this.#after >= this.#until) await this.#advance(this.#end);
    const rows = await this.#retrying(() => this.#read());
    // A full page may have left rows of the window unread.
    this.#after = roomBeside(rows) > 0 ? this.#until : (rows.at(-1) as ScannedRow).id;
    return rows;
  }

  async #lastId(): Promise<number> {
    const { ids } = this.#filter;
    if (ids !== null) return ids.at(-1) ?? Number.MIN_SAFE_INTEGER;
    return (await this.#id(this.#last, [])) ?? Number.MIN_SAFE_INTEGER;
  }

  /** Opens the next window. */
  async #advance(end: number): Promise<void> {
    const { ids } = this.#filter;
    if (ids === null) {
      this.#until = (await this.#id(this.#edge, [this.#after, end])) ?? end;
    } else {
      const first = ids.indexOf(this.#until) + 1;
      this.#ids = ids.slice(first, first + WINDOW);
      this.#until = this.#ids.at(-1) ?? end;
    }
  }

  async #id(statement: Statement, values: number[]): Promise<number | undefined> {
    const [row] = await this.#retrying(() => this.#database.query<{ id: number }>(statement, values));
    return row?.id;
  }

  /** Reads from the window through a cursor, until the page is full or the window ends. */
  #read(): Promise<ScannedRow[]> {
    return this.#database.read<ScannedRow>(this.#page, this.#values(), roomBeside);
  }

  #values(): unknown[] {
    const values = this.#given.map((key) => (key === "ids" ? this.#ids : this.#filter[key]));
    return [this.#after, this.#until, ...values];
  }

  /** Repeats a read, which is idempotent, so that a lost connection does not end the listing. */
  async #retrying<Result>(read: () => Promise<Result>): Promise<Result> {
    const since = performance.now();
    for (let failures = 1; ; failures += 1) {
      try {
        return await read();
      } catch (error) {
        if (error instanceof DatabaseError) throw error;
        if (!isPassing(error) || performance.now() - since > PATIENCE) throw scanError(error);
        await sleep(retryDelay(failures));
      }
    }
  }
}

/** How many rows to read next for a page that has these already; 0 if it is full. */
function roomBeside(rows: readonly ScannedRow[]): number {
  if (rows.length === 0) return FIRST;
  const weight = rows.reduce((sum, { args, meta, errors }) => sum + args.length + meta.length + errors.length, 0);
  const room = Math.min(CHUNK, PAGE - rows.length, (PAGE_WEIGHT / weight - 1) * rows.length);
  return room <= 0 ? 0 : Math.ceil(room);
}

/** The text of a page's query, for these properties of the filter. */
function pageText(jobs: string, given: readonly (keyof CheckedFilter)[]): string {
  const clauses = ["id > $1", "id <= $2", ...given.map((key, at) => CONDITIONS[key](`$${at + 3}`))];
  const columns = Object.entries(COLUMNS).map(([field, sql]) => `${sql} as "${field}"`);
  return `select ${columns.join(", ")} from ${jobs} where ${clauses.join(" and ")} order by id`;
}

function toJobRow(row: ScannedRow): JobRow {
  return {
    ...row,
    state: stateOf(row.state),
    args: JSON.parse(row.args),
    meta: JSON.parse(row.meta) as JsonObject,
    errors: JSON.parse(row.errors) as JobErrorEntry[],
    scheduledAt: toDate(row.scheduledAt),
    insertedAt: toDate(row.insertedAt),
    attemptedAt: row.attemptedAt === null ? null : toDate(row.attemptedAt),
    finishedAt: row.finishedAt === null ? null : toDate(row.finishedAt),
  };
}

function toDate(time: number): Date {
  return new Date(Math.max(-LATEST, Math.min(LATEST, time)));
}

function scanError(cause: unknown): Error {
  return databaseError("The jobs were not listed", cause);
}
