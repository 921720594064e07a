import { type Answer, type AnswerEncoding, type AnswerKind, isAnswerKind } from "../job/answer.js";

/**
 * An envelope is an answer on the wire: `R1` ref(22) kind(1) encoding(1) body, in ASCII and at
 * most 7,999 bytes, the limit of a notification. The first two characters are the version.
 * Envelopes of other versions are ignored, so that two releases can run side by side. The
 * engine's SQL writes the same format.
 */
export const ENVELOPE_VERSION = "R1";
const REF_END = ENVELOPE_VERSION.length + 22;
const BODY = REF_END + 2;
/** Bytes that one notification holds. */
export const ENVELOPE_LIMIT = 7_999;

/**
 * The kind of an envelope without an answer: the answer is stored in the row, where
 * the awaiting host reads it.
 */
export const STORED = "f";

export interface Envelope {
  readonly ref: string;
  /** The answer itself, or {@link STORED}. */
  readonly answer: Answer | typeof STORED;
}

/**
 * The ref that an envelope is addressed to, without a check of the rest; null if it is
 * no envelope of this version.
 */
export function envelopeRef(text: string): string | null {
  return text.startsWith(ENVELOPE_VERSION) && text.length >= BODY ? text.slice(ENVELOPE_VERSION.length, REF_END) : null;
}

/** Formats an answer as an envelope. An answer that does not fit becomes {@link STORED}. */
export function formatEnvelope(ref: string, { kind, encoding, bytes }: Answer): string {
  const body = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64url");
  const text = `${ENVELOPE_VERSION}${ref}${kind}${encoding}${body}`;
  return text.length <= ENVELOPE_LIMIT ? text : `${ENVELOPE_VERSION}${ref}${STORED}-`;
}

/**
 * Parses an envelope; null if it is malformed, or of a version, kind or encoding that
 * this release does not know.
 */
export function parseEnvelope(text: string): Envelope | null {
  const ref = envelopeRef(text);
  if (ref === null || text.length > ENVELOPE_LIMIT || !/^[\w-]+$/.test(text)) return null;
  const kind = text.charAt(REF_END);
  const encoding = text.charAt(REF_END + 1);
  const body = text.slice(BODY);
  const empty = body.length === 0;
  if (kind === STORED) return encoding === "-" && empty ? { ref, answer: STORED } : null;
  if (!isAnswerKind(kind) || (encoding === "-") !== empty) return null;
  if (encoding !== "-" && encoding !== "b" && encoding !== "z") return null;
  return { ref, answer: answerOf(kind, encoding, body) };
}

function answerOf(kind: AnswerKind, encoding: AnswerEncoding, body: string): Answer {
  return { kind, encoding, bytes: Buffer.from(body, "base64url") };
}
