import { type Answer, type AnswerEncoding, isAnswerKind, type StoredAnswer } from "../job/answer.js";
import type { CheckedJob } from "../job/checked-job.js";
import { type ClaimedJob, JOB_STATES, type JobState } from "../job/job.js";

/** Rows of the table and what they are elsewhere: the only place where refs, states, times and bytes are translated. Pure. */

/** A job to insert. */
export interface InsertRow extends CheckedJob {
  /** The ref of its relay. Every job gets one: it is what makes a retried insert harmless. */
  readonly ref: string;
  /** The host that awaits it. */
  readonly replyTo: string | null;
  /** The host that runs it at once: the row is inserted as executing. Not together with a time in the future. */
  readonly claimedBy: string | null;
}

/** A claimed row as it comes; its ref is a uuid, or null where the row was made by hand. */
export type ClaimedRow = Omit<ClaimedJob, "ref"> & { ref: string | null };

/** What is read of a row that is awaited. */
export interface StoredRow {
  readonly ref: string;
  readonly id: number;
  readonly state: number;
  readonly attempt: number;
  readonly host: string | null;
  /** All bytes of its result, or only the head of one that has more than {@link INLINE}. */
  readonly result: Buffer | null;
  readonly size: number | null;
}

/** Results of more bytes are read by themselves: so a thousand rows bring 16 MB at most. */
export const INLINE = 16_384;

/** Before an answer's bytes, a row has its kind and its encoding. */
export const ANSWER_HEAD = 2;

const NOTHING = new Uint8Array(0);

/**
 * Bytes of many as one parameter: all together, where each begins (counted from 1, as SQL does) and how long it is. Those
 * that are alone are not copied: they may be many megabytes.
 */
export function piecesOf(many: readonly (Uint8Array | null)[]): { starts: number[]; sizes: number[]; all: Buffer } {
  const bytes = many.map((piece) => piece ?? NOTHING);
  let next = 1;
  const starts = bytes.map(({ length }) => {
    next += length;
    return next - length;
  });
  const [only, another] = bytes.filter(({ length }) => length > 0);
  const alone = only !== undefined && another === undefined;
  return {
    starts,
    sizes: bytes.map(({ length }) => length),
    all: alone ? Buffer.from(only.buffer, only.byteOffset, only.length) : Buffer.concat(bytes),
  };
}

/** The values of `insertOne`, and with arrays of them of `insertMany`, less who claims. */
export function insertValues(row: InsertRow): (string | number | null)[] {
  const { worker, queue, args, meta, tags, priority, maxAttempts, ref, replyTo, scheduledAt, scheduleIn } = row;
  const [metaText, tagsText] = [JSON.stringify(meta), arrayOf(tags)];
  const uuid = uuidFromRef(ref);
  return [worker, queue, args, metaText, tagsText, priority, maxAttempts, uuid, replyTo, scheduledAt, scheduleIn ?? 0];
}

/** An array as a parameter has it. Quicker than the driver's own, of which half of a batch's time would be. */
export function arrayOf(values: readonly (string | number | boolean | null)[]): string {
  return `{${values.map((value) => (typeof value === "string" ? quoted(value) : String(value))).join(",")}}`;
}

/** Rows of values as columns of them. */
export function columnsOf<Value>(rows: readonly (readonly Value[])[]): Value[][] {
  return (rows[0] ?? []).map((_, column) => rows.map((row) => row[column] as Value));
}

function quoted(text: string): string {
  return /["\\]/.test(text) ? `"${text.replaceAll(/["\\]/g, "\\$&")}"` : `"${text}"`;
}

/** The row as it stands after it was inserted as claimed. */
export function claimedOf(
  { args, meta, ref, worker, queue, tags, priority, maxAttempts, replyTo }: InsertRow,
  id: number,
  at: number,
): ClaimedJob {
  const times = { scheduledAt: at, insertedAt: at, attemptedAt: at };
  const first = { claim: 1, attempt: 1, suspicion: 0 as const, begun: true, awaited: replyTo !== null };
  return { id, worker, queue, args, meta: JSON.stringify(meta), tags, priority, maxAttempts, ...first, ...times, ref };
}

/** The job, of a row that is nobody else's. */
export function toClaimed(row: ClaimedRow): ClaimedJob {
  if (row.ref !== null) row.ref = refFromUuid(row.ref);
  return row;
}

/** A row as those who await it need it. */
export function toStored({ ref, id, state, attempt, host, result, size }: StoredRow): StoredAnswer {
  const answer = result === null ? null : toAnswer(result);
  const whole = { ref: refFromUuid(ref), id, state: stateOf(state), attempt, host, answer };
  // Where there is no value, nothing is missing.
  return (size ?? 0) > INLINE && answer !== null && answer.encoding !== "-"
    ? { ...whole, answer: null, large: size as number }
    : whole;
}

/** Puts rows together that come in pieces, by `statements.large`: each goes to its place in memory that is made but once. */
export class Pieces {
  readonly #rows = new Map<string, StoredRow & { readonly result: Buffer }>();

  add(fields: readonly (Buffer | null)[]): void {
    const [ref, id, state, attempt, host, size, at, piece] = fields as Buffer[];
    const key = ref?.toString("hex") ?? "";
    let row = this.#rows.get(key);
    if (row === undefined) {
      const length = size?.readInt32BE() ?? 0;
      row = {
        ref: key,
        id: Number(id?.readBigInt64BE()),
        state: state?.readInt16BE() ?? 0,
        attempt: attempt?.readInt16BE() ?? 0,
        host: host?.toString() ?? null,
        // Not from the pool, which a long-lived slice would keep.
        result: Buffer.allocUnsafeSlow(length),
        size: length,
      };
      this.#rows.set(key, row);
    }
    piece?.copy(row.result, (at?.readInt32BE() ?? 1) - 1);
  }

  stored(): StoredAnswer[] {
    return Array.from(this.#rows.values(), (row) => toStored({ ...row, size: null }));
  }
}

/** A kind that this release does not know (a later one wrote it) reads as no answer yet. */
function toAnswer(result: Buffer): Answer | null {
  const kind = String.fromCharCode(result[0] ?? 0);
  const encoding = String.fromCharCode(result[1] ?? 0);
  if (!isAnswerKind(kind) || !/^[-bz]$/.test(encoding)) return null;
  return { kind, encoding: encoding as AnswerEncoding, bytes: result.subarray(ANSWER_HEAD) };
}

/** The state that a number in the `state` column stands for. */
export function stateOf(state: number): JobState {
  return JOB_STATES[state] as JobState;
}

/** A ref as the `ref` column has it. */
export function uuidFromRef(ref: string): string {
  return Buffer.from(ref, "base64url").toString("hex");
}

/** The ref that the `ref` column has. */
export function refFromUuid(uuid: string): string {
  return Buffer.from(uuid.replaceAll("-", ""), "hex").toString("base64url");
}
