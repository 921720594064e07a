import { MAX_RESULT_LIMIT } from "../codec/limits.js";
import type { StoredAnswer } from "../job/answer.js";
import { ANSWER_HEAD, type StoredRow, toStored } from "./answers.js";
import { tablesOf } from "./fragments.js";
import { uuidFromRef } from "./ref.js";

/**
 * Bytes of a large result per row. Pieces keep the driver's memory small, and let the main loop do
 * other work in between.
 */
const PIECE = 262_144;
/**
 * Most bytes read of a result: one more than the highest limit, so that the decoder refuses a
 * result that exceeds it.
 */
const LONGEST = ANSWER_HEAD + MAX_RESULT_LIMIT + 1;

/**
 * The text of a COPY that reads results whole, each in pieces (see `postgres/copy.ts`). COPY takes
 * no parameters, so the text contains the refs, as hex, which cannot inject SQL. One statement sees
 * one version of a row, so all pieces are of one result. {@link Pieces} reads the columns in this
 * order.
 */
export function largeAnswers(prefix: string): (refs: readonly string[]) => string {
  const { jobs } = tablesOf(prefix);
  const size = `least(pg_catalog.octet_length(j.result), ${LONGEST})`;
  return (refs) => `copy (
      select j.ref, j.id, j.state, j.attempt, j.attempted_by, ${size}, at,
        substring(j.result from at for least(${PIECE}, ${LONGEST} - at + 1))
      from ${jobs} j, pg_catalog.generate_series(1, ${size}, ${PIECE}) at
      where j.ref = any('{${refs.map(uuidFromRef).join(",")}}'::pg_catalog.uuid[])
    ) to stdout (format binary)`;
}

/** Joins the pieces of large results. Copies each piece once, into a buffer of the full size. */
export class Pieces {
  readonly #rows = new Map<string, StoredRow & { readonly result: Buffer }>();

  /** Adds a row of {@link largeAnswers}, in PostgreSQL's binary format. */
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
        // Not from the pool: a long-lived slice would keep all of it.
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
