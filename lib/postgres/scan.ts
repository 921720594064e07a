import Cursor from "pg-cursor";
import { InvalidOptionError } from "../errors.js";
import {
  JOB_STATES,
  type JobErrorEntry,
  type JobRow,
  type JobState,
  type JsonObject,
  stateNumber,
} from "../job/job.js";
import type { Database } from "./database.js";

/** Which jobs to list. What is left out does not matter; all that is given must hold. */
export interface JobFilter {
  readonly state?: JobState | readonly JobState[];
  readonly queue?: string;
  readonly worker?: string;
  /** Has this tag, among others perhaps. */
  readonly tag?: string;
  readonly ids?: readonly number[];
}

/** Rows read at a time: what is held in memory, whatever the table's size. */
const BATCH = 200;

const KNOWN: ReadonlySet<string> = new Set(["state", "queue", "worker", "tag", "ids"]);

interface ScannedRow extends Omit<JobRow, "state" | "args" | "meta" | "errors"> {
  readonly state: number;
  readonly args: string;
  readonly meta: string;
  readonly errors: string;
}

/**
 * Lists jobs by id, any number of them in constant memory, through a cursor on a connection of its own, which is closed when
 * the loop ends or is left. Throws {@link InvalidOptionError}.
 */
export async function* scanJobs(
  database: Database,
  prefix: string,
  filter: JobFilter,
): AsyncGenerator<JobRow, void, void> {
  const { where, values } = conditions(filter);
  const client = database.client();
  // A connection that is lost while rows are handed out fails the next read; unheard, its error would end the process.
  client.on("error", () => {});
  await client.connect();
  try {
    const text = `select id, state, queue, worker, args, meta, tags, priority, attempt, max_attempts as "maxAttempts",
      scheduled_at as "scheduledAt", inserted_at as "insertedAt", attempted_at as "attemptedAt", finished_at as "finishedAt",
      attempted_by as "attemptedBy", errors from "${prefix}".jobs ${where} order by id`;
    const cursor = client.query(new Cursor<ScannedRow>(text, values));
    for (let rows = await cursor.read(BATCH); rows.length > 0; rows = await cursor.read(BATCH)) {
      for (const row of rows) yield toJobRow(row);
    }
  } finally {
    await client.end();
  }
}

function conditions(filter: JobFilter): { where: string; values: unknown[] } {
  if (typeof filter !== "object" || filter === null) {
    throw new InvalidOptionError("filter", 'of jobs must be an object, such as { state: "discarded" }');
  }
  for (const key of Object.keys(filter)) {
    if (!KNOWN.has(key)) throw new InvalidOptionError(key, `of jobs is not known. There are: ${[...KNOWN].join(", ")}`);
  }
  const values: unknown[] = [];
  const clauses: string[] = [];
  function add(value: unknown, clause: (parameter: string) => string): void {
    if (value === undefined) return;
    values.push(value);
    clauses.push(clause(`$${values.length}`));
  }
  const { state, queue, worker, tag, ids } = filter;
  for (const [name, value] of Object.entries({ queue, worker, tag })) {
    if (value !== undefined && typeof value !== "string") throw new InvalidOptionError(name, "of jobs must be a text");
  }
  if (ids !== undefined && !(Array.isArray(ids) && ids.every(Number.isSafeInteger))) {
    throw new InvalidOptionError("ids", "of jobs must be an array of whole numbers");
  }
  add(
    state === undefined ? undefined : [state].flat().map(checkedState),
    (parameter) => `state = any(${parameter}::smallint[])`,
  );
  add(queue, (parameter) => `queue = ${parameter}`);
  add(worker, (parameter) => `worker = ${parameter}`);
  add(tag, (parameter) => `${parameter} = any(tags)`);
  add(ids, (parameter) => `id = any(${parameter}::bigint[])`);
  return { where: clauses.length === 0 ? "" : `where ${clauses.join(" and ")}`, values };
}

function checkedState(state: JobState): number {
  const number = stateNumber(state);
  if (number === -1) throw new InvalidOptionError("state", `of jobs must be one of ${JOB_STATES.join(", ")}`);
  return number;
}

function toJobRow({ state, args, meta, errors, ...row }: ScannedRow): JobRow {
  return {
    ...row,
    state: JOB_STATES[state] as JobState,
    args: JSON.parse(args),
    meta: JSON.parse(meta) as JsonObject,
    errors: JSON.parse(errors) as JobErrorEntry[],
  };
}
