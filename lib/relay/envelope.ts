import { type Answer, type AnswerEncoding, type AnswerKind, isAnswerKind } from "../job/answer.js";

/**
 * An answer on the wire: `R1` ref(22) kind(1) encoding(1) body, all ASCII, at most 7,999 bytes, which is what one
 * notification holds. The first two characters are the version; others are told apart and left alone, so that two releases
 * can run side by side. The engine's SQL writes the same format (`postgres/statements.ts`).
 */
export const ENVELOPE_VERSION = "R1";
const REF_END = ENVELOPE_VERSION.length + 22;
const BODY = REF_END + 2;
/** What one notification holds, in bytes. */
export const ENVELOPE_LIMIT = 7_999;

/** The kind of an envelope that only says: stored, fetch it from the row. */
export const FETCH = "f";

export interface Envelope {
  readonly ref: string;
  /** The answer itself, or {@link FETCH}. */
  readonly answer: Answer | typeof FETCH;
}

/** The ref that an envelope is for, before anything else in it is looked at; null where it is no envelope of this version. */
export function envelopeRef(text: string): string | null {
  return text.startsWith(ENVELOPE_VERSION) && text.length >= BODY ? text.slice(ENVELOPE_VERSION.length, REF_END) : null;
}

/** An answer as its envelope's text. One that does not fit says to fetch it. */
export function formatEnvelope(ref: string, { kind, encoding, bytes }: Answer): string {
  const body = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64url");
  const text = `${ENVELOPE_VERSION}${ref}${kind}${encoding}${body}`;
  return text.length <= ENVELOPE_LIMIT ? text : `${ENVELOPE_VERSION}${ref}${FETCH}-`;
}

/** Reads an envelope's text; null for whatever is none, or of a kind or encoding that this release does not know. */
export function parseEnvelope(text: string): Envelope | null {
  const ref = envelopeRef(text);
  if (ref === null || text.length > ENVELOPE_LIMIT || !/^[\w-]+$/.test(text)) return null;
  const kind = text.charAt(REF_END);
  const encoding = text.charAt(REF_END + 1);
  const body = text.slice(BODY);
  const empty = body.length === 0;
  if (kind === FETCH) return encoding === "-" && empty ? { ref, answer: FETCH } : null;
  if (!isAnswerKind(kind) || (encoding === "-") !== empty) return null;
  if (encoding !== "-" && encoding !== "b" && encoding !== "z") return null;
  return { ref, answer: answerOf(kind, encoding, body) };
}

function answerOf(kind: AnswerKind, encoding: AnswerEncoding, body: string): Answer {
  return { kind, encoding, bytes: Buffer.from(body, "base64url") };
}
