import type { ClaimedJob } from "../job/job.js";
import { ATTEMPT, awaited, ms, SUSPICION } from "./fragments.js";
import type { InsertRow, InsertedRow } from "./insert.js";
import { refFromUuid } from "./ref.js";

/**
 * A claimed job: each of its fields, read from row `j`, or known of a row that was just inserted as
 * claimed. Omitting a field in either does not compile.
 */

/** The fields of a claimed job, in SQL. The attempt counts once it has begun. */
const FIELDS: Readonly<Record<keyof ClaimedJob, string>> = {
  id: "j.id",
  claim: "j.claim",
  worker: "j.worker",
  queue: "j.queue",
  args: "j.args",
  meta: "j.meta",
  tags: "j.tags",
  priority: "j.priority",
  attempt: ATTEMPT,
  maxAttempts: "j.max_attempts",
  suspicion: SUSPICION,
  begun: "j.attempted_at is not null",
  awaited: awaited("j"),
  scheduledAt: ms("j.scheduled_at"),
  insertedAt: ms("j.inserted_at"),
  attemptedAt: ms("coalesce(j.attempted_at, pg_catalog.now())"),
  ref: "j.ref",
};

/** What a claim returns of row `j`. */
export const CLAIMED_COLUMNS = Object.entries(FIELDS)
  .map(([field, sql]) => `${sql} as "${field}"`)
  .join(", ");

/**
 * A claimed row as the driver returns it: its ref is a uuid, or null in a row that was made by
 * hand.
 */
export type ClaimedRow = Omit<ClaimedJob, "ref"> & { ref: string | null };

/** Converts a claimed row in place; the caller must own it. */
export function toClaimed(row: ClaimedRow): ClaimedJob {
  if (row.ref !== null) row.ref = refFromUuid(row.ref);
  return row;
}

/** The job of a row that was inserted as claimed, without reading it back. */
export function claimedAtInsert(row: InsertRow, { id, at }: InsertedRow): ClaimedJob {
  return {
    id,
    claim: 1,
    worker: row.worker,
    queue: row.queue,
    args: row.args,
    meta: JSON.stringify(row.meta),
    tags: row.tags,
    priority: row.priority,
    attempt: 1,
    maxAttempts: row.maxAttempts,
    suspicion: 0,
    begun: true,
    awaited: row.replyTo !== null,
    scheduledAt: at,
    insertedAt: at,
    attemptedAt: at,
    ref: row.ref,
  };
}
