import type { CheckedJob } from "../job/checked-job.js";
import type { ClaimedJob } from "../job/job.js";
import { ms, tablesOf, wake } from "./fragments.js";
import { arrayOf, type Column, Columns, operation } from "./parameters.js";
import { uuidFromRef } from "./ref.js";

/** A job to insert. */
export interface InsertRow extends CheckedJob {
  /** The ref of its relay. Every job has one: it makes a retried insert idempotent. */
  readonly ref: string;
  /** The host that awaits it. */
  readonly replyTo: string | null;
  /** Whether the row is inserted as executing, claimed by this host. Only for due jobs. */
  readonly claimed: boolean;
}

/** The result of an insert. */
export interface Inserted {
  readonly id: number;
  /** The job, if this statement inserted its row as executing. */
  readonly claimed: ClaimedJob | null;
}

/** A row as the statement returns it. */
export interface InsertedRow {
  readonly id: number;
  readonly claimed: boolean;
  /** The database's time, in ms since the epoch. */
  readonly at: number;
}

/** Columns of the table that the row stores as they are. */
const STORED: readonly Column<InsertRow>[] = [
  ["worker", "pg_catalog.text", ({ worker }) => worker],
  ["queue", "pg_catalog.text", ({ queue }) => queue],
  ["args", "pg_catalog.jsonb", ({ args }) => args],
  ["meta", "pg_catalog.jsonb", ({ meta }) => JSON.stringify(meta)],
  ["tags", "pg_catalog.text[]", ({ tags }) => arrayOf(tags)],
  ["priority", "smallint", ({ priority }) => priority],
  ["max_attempts", "smallint", ({ maxAttempts }) => maxAttempts],
  ["ref", "pg_catalog.uuid", ({ ref }) => uuidFromRef(ref)],
];

/** The stored columns, and those from which the statement computes others. */
const INPUT = new Columns<InsertRow>([
  ...STORED,
  ["reply_to", "pg_catalog.text", ({ replyTo }) => replyTo],
  ["at", "pg_catalog.float8", ({ scheduledAt }) => scheduledAt],
  ["delay", "pg_catalog.float8", ({ scheduleIn }) => scheduleIn ?? 0],
  ["claimed", "boolean", ({ claimed }) => claimed],
]);

const PARAMETERS = INPUT.followedBy("host", "notify");

/**
 * The statements that insert jobs, and notify each queue that gets an available one. They return
 * ids in the order given. A ref that is in the table already inserts and returns nothing: an
 * earlier try committed, but its reply was lost.
 */
export function insert(prefix: string) {
  const { jobs, hosts } = tablesOf(prefix);
  const { $ } = PARAMETERS;
  const stored = STORED.map(([name]) => name).join(", ");

  /**
   * The inner query computes when a job is due and which host holds it. A host that was declared
   * lost claims nothing, since no other host would rescue its jobs. `offset 0` keeps the planner
   * from computing both once for each use.
   */
  const insertFrom = (input: string): string => `
    insert into ${jobs} as j (${stored}, scheduled_at, reply_to, state, claim, attempt, attempted_at, attempted_by)
    select ${stored}, time, case when reply_to is null then '{}' else array[reply_to] end,
      case when host is not null then 2 when time > pg_catalog.now() then 0 else 1 end,
      (host is not null)::int, (host is not null)::int,
      case when host is not null then pg_catalog.now() end, host
    from (
      select ${stored}, reply_to, coalesce(pg_catalog.to_timestamp(at / 1000::pg_catalog.float8),
          pg_catalog.now() + delay * interval '1 ms') as time,
        case when claimed then (select id from ${hosts} where id = ${$.host}) end as host
      from (${input}) input offset 0
    ) i
    on conflict (ref) do nothing
    returning j.id, j.state = 2 as claimed, ${ms("pg_catalog.now()")} as at, ${wake(prefix, $.notify)}`;

  return {
    insertOne: operation("insert_one", insertFrom(INPUT.one), (row: InsertRow, host: string) =>
      PARAMETERS.values({ host }, INPUT.valuesOf(row)),
    ),
    insertMany: operation("insert_many", insertFrom(INPUT.many()), (rows: readonly InsertRow[], host: string) =>
      PARAMETERS.values({ host }, INPUT.arraysOf(rows)),
    ),
  };
}
