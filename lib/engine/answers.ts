import { type Answer, type AnswerEncoding, isAnswerKind, type StoredAnswer } from "../job/answer.js";
import { stateOf } from "../job/job.js";
import { tablesOf } from "./fragments.js";
import { operation, Parameters } from "./parameters.js";
import { refFromUuid, uuidFromRef } from "./ref.js";

/** Bytes before an answer in the `result` column: its kind and its encoding. */
export const ANSWER_HEAD = 2;

/** The head of an answer, as text. */
export function answerHead({ kind, encoding }: Answer): string {
  return kind + encoding;
}

/** Results of more bytes are read apart, by COPY, so a thousand rows bring at most 16 MB. */
export const INLINE = 16_384;

/** What an awaiter needs of a row. */
export interface StoredRow {
  readonly ref: string;
  readonly id: number;
  readonly state: number;
  readonly attempt: number;
  readonly host: string | null;
  /** The size of the whole result, in bytes. */
  readonly size: number | null;
  /** The result, or only its head if it is larger than {@link INLINE}. */
  readonly result: Buffer | null;
}

/**
 * {@link StoredRow} of row `j`. The server knows the size and the beginning of a result without
 * reading all of it.
 */
const STORED_COLUMNS = `j.ref, j.id, j.state, j.attempt, j.attempted_by as host,
  pg_catalog.octet_length(j.result) as size, case when pg_catalog.octet_length(j.result) > ${INLINE}
    then substring(j.result for ${ANSWER_HEAD}) else j.result end as result`;

const READ = new Parameters(["refs"]);
const SUBSCRIBE = new Parameters(["refs", "host"]);

/**
 * The statements that read stored answers. A ref without a row is absent from the rows returned.
 */
export function answers(prefix: string) {
  const { jobs } = tablesOf(prefix);
  const { refs, host } = SUBSCRIBE.$;
  return {
    readAnswers: operation(
      "read_answers",
      `select ${STORED_COLUMNS} from ${jobs} j where j.ref = any(${READ.$.refs}::pg_catalog.uuid[])`,
      (refs: readonly string[]) => READ.values({ refs: refs.map(uuidFromRef) }),
    ),

    /**
     * Subscribes the host to the next outcome of each row, and returns the rows that it changed.
     * Rows that have ended or have the host already must be read by a separate statement: this one
     * would miss an outcome that is written meanwhile. `awaited` locks rows by id, like every
     * statement that updates many.
     */
    subscribe: operation(
      "subscribe",
      `with awaited as materialized (
        select id from ${jobs} j where j.ref = any(${refs}::pg_catalog.uuid[]) and j.state < 4
          and ${host} <> all(j.reply_to)
        order by id for no key update
      )
      update ${jobs} j set reply_to = pg_catalog.array_append(j.reply_to, ${host})
      where j.id = any(array(select id from awaited)) and j.state < 4 and ${host} <> all(j.reply_to)
      returning ${STORED_COLUMNS}`,
      (refs: readonly string[], host: string) => SUBSCRIBE.values({ refs: refs.map(uuidFromRef), host }),
    ),
  };
}

/** A row as its awaiters need it. */
export function toStored({ ref, id, state, attempt, host, result, size }: StoredRow): StoredAnswer {
  const answer = result === null ? null : toAnswer(result);
  const stored = { ref: refFromUuid(ref), id, state: stateOf(state), attempt, host, answer };
  // An answer without a value is whole, whatever its size.
  return (size ?? 0) > INLINE && answer !== null && answer.encoding !== "-"
    ? { ...stored, answer: null, large: size as number }
    : stored;
}

/** An unknown kind, which a later release wrote, reads as no answer yet. */
function toAnswer(result: Buffer): Answer | null {
  const kind = String.fromCharCode(result[0] ?? 0);
  const encoding = String.fromCharCode(result[1] ?? 0);
  if (!isAnswerKind(kind) || !/^[-bz]$/.test(encoding)) return null;
  return { kind, encoding: encoding as AnswerEncoding, bytes: result.subarray(ANSWER_HEAD) };
}
