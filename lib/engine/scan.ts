import { setTimeout as sleep } from "node:timers/promises";
import { DatabaseError } from "../errors.js";
import type { JobErrorEntry, JobRow, JsonObject } from "../job/job.js";
import type { Database, Statement } from "../postgres/database.js";
import { retryDelay } from "../backoff.js";
import { isPassing } from "../postgres/failure.js";
import { type CheckedFilter, checkFilter, type JobFilter } from "./filter.js";
import { named, tablesOf } from "./fragments.js";
import { stateOf } from "./rows.js";

/** Rows that one statement looks at, whether they match the filter or not: it and its snapshot last milliseconds. */
const WINDOW = 10_000;
/** A page ends at this many rows, or at this many characters of JSON, whichever comes first. */
const PAGE = 1_000;
const PAGE_WEIGHT = 4 * 1_024 * 1_024;
/** Rows of a page that are fetched first, to learn how large they are. */
const FIRST = 10;
/** Rows fetched at once, at most. */
const CHUNK = 200;
/** ms that a page is tried again while the database is away. */
const PATIENCE = 15_000;
/** The latest time that a Date holds. The table may hold later ones, and infinity. */
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

/**
 * Lists jobs by id, any number of them in constant memory. While the caller's loop body runs, no connection is held and no
 * transaction is open, so that vacuum goes on. Throws {@link InvalidOptionError} and {@link DatabaseError}, both at the first
 * or a later step of the loop.
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

/** Where a listing stands. Pages are found by key, so each is a short statement of its own. */
class Scan {
  readonly #database: Database;
  readonly #filter: CheckedFilter;
  readonly #last: Statement;
  readonly #edge: Statement;
  readonly #page: string;
  /** The id after which the next page begins. */
  #after = Number.MIN_SAFE_INTEGER;
  /** The window's last id; rows up to here may be read by one statement. */
  #until = Number.MIN_SAFE_INTEGER;
  /** Of the filter's ids those in the window: all of them with every page would be more than the rows. */
  #ids: readonly number[] | null = null;
  /** The last id of the listing: jobs that are inserted faster than they are read do not keep it going for ever. */
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
    this.#page = pageText(jobs, filter);
  }

  /** The next page, which may be empty; null at the end. */
  async next(): Promise<ScannedRow[] | null> {
    this.#end ??= await this.#lastId();
    if (this.#after >= this.#end) return null;
    if (this.#after >= this.#until) await this.#advance(this.#end);
    const rows = await this.#retrying(() => this.#read());
    // A page that is full may have left rows of the window unread.
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

  /** Reads from the window through a cursor until the page is full, or the window is at its end. */
  #read(): Promise<ScannedRow[]> {
    return this.#database.read<ScannedRow>(this.#page, this.#values(), roomBeside);
  }

  #values(): unknown[] {
    const { states, queue, worker, tag } = this.#filter;
    return [this.#after, this.#until, ...[states, queue, worker, tag, this.#ids].filter((value) => value !== null)];
  }

  /** Reading twice harms nobody: a connection that is lost does not end the listing. */
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

/** How many more rows a page takes beside these, and at once; 0 where it is full. */
function roomBeside(rows: readonly ScannedRow[]): number {
  if (rows.length === 0) return FIRST;
  const weight = rows.reduce((sum, { args, meta, errors }) => sum + args.length + meta.length + errors.length, 0);
  const room = Math.min(CHUNK, PAGE - rows.length, (PAGE_WEIGHT / weight - 1) * rows.length);
  return room <= 0 ? 0 : Math.ceil(room);
}

/** `state + 0` keeps the planner from the partial indexes: it would read all of one for each page, and sort. */
function pageText(jobs: string, { states, queue, worker, tag, ids }: CheckedFilter): string {
  const clauses = ["id > $1", "id <= $2"];
  const add = (given: unknown, clause: (parameter: string) => string): void => {
    if (given !== null) clauses.push(clause(`$${parameters++}`));
  };
  let parameters = 3;
  add(states, (parameter) => `state + 0 = any(${parameter}::smallint[])`);
  add(queue, (parameter) => `queue = ${parameter}`);
  add(worker, (parameter) => `worker = ${parameter}`);
  add(tag, (parameter) => `${parameter} = any(tags)`);
  add(ids, (parameter) => `id = any(${parameter}::bigint[])`);
  return `select id, state, queue, worker, args, meta, tags, priority, attempt, max_attempts as "maxAttempts",
    ${ms("scheduled_at")} as "scheduledAt", ${ms("inserted_at")} as "insertedAt", ${ms("attempted_at")} as "attemptedAt",
    ${ms("finished_at")} as "finishedAt", attempted_by as "attemptedBy", errors
    from ${jobs} where ${clauses.join(" and ")} order by id`;
}

/** A time as whole ms since the epoch: its text would depend on the role's `datestyle` and `timezone`. */
function ms(column: string): string {
  return `pg_catalog.round(pg_catalog.date_part('epoch', pg_catalog.date_trunc('milliseconds', ${column})) * 1000::pg_catalog.float8)`;
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

function scanError(error: unknown): DatabaseError {
  const { message } = error as Error;
  return isPassing(error)
    ? new DatabaseError("ERR_BATON_DATABASE_UNREACHABLE", `Listing jobs failed, the database is away: ${message}`, {
        cause: error,
      })
    : new DatabaseError("ERR_BATON_DATABASE_REFUSED", `Listing jobs failed, the database refuses it: ${message}`, {
        cause: error,
      });
}
