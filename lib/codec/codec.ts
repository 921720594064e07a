import { inspect } from "node:util";
import { deflateRawSync, inflateRawSync } from "node:zlib";
import { DecodeError } from "../errors.js";
import type { Encoded } from "../job/answer.js";
import { byName, type ErrorClass, toError } from "./exception.js";
import { Reader } from "./reader.js";
import { TooManyBytes } from "./output.js";
import { Writer } from "./writer.js";

/**
 * Values to bytes and back: every built-in type that is data, with identity and cycles, and errors. See `tags.ts` for the
 * format. Nothing that exists is at once safe on foreign bytes, faithful and small.
 */

/** Stored results are at most this many bytes by default, after compression. */
export const RESULT_LIMIT = 8_192;

/** Below this, compressing costs more time than it saves and often makes it larger. */
const COMPRESS_FROM = 1_024;

/**
 * What a result may inflate to: deflate expands at most 1,032 times, so nothing within the default limit is refused by this.
 * The same for both sides.
 */
export function inflatedLimit(resultLimit: number): number {
  return Math.max(16 * 1_024 * 1_024, 4 * resultLimit);
}

/** What decoding may be told. */
export interface DecodeOptions {
  /** Error classes that come back as themselves. */
  readonly errors?: readonly ErrorClass[];
  /** The limit under which it was packed, in bytes; default 8,192. */
  readonly resultLimit?: number;
}

/** A value's bytes. Throws `EncodeError`, with the path, for what cannot be sent. */
export function encode(value: unknown): Uint8Array<ArrayBuffer> {
  return Writer.write(value, Number.POSITIVE_INFINITY);
}

/** The value in the bytes. Throws {@link DecodeError} for whatever {@link encode} has not made. */
export function decode(bytes: Uint8Array, { errors = [] }: DecodeOptions = {}): unknown {
  return Reader.read(bytes, byName(errors));
}

/** The limit under which something is packed: the bytes it may have, compressed. */
export interface PackOptions {
  readonly resultLimit: number;
}

/**
 * A value as it is stored and sent: encoded, and compressed where that makes it smaller. Null where that takes more than
 * `resultLimit` bytes. Throws `EncodeError`.
 */
export function pack(value: unknown, { resultLimit }: PackOptions): Encoded | null {
  try {
    return compress(Writer.write(value, inflatedLimit(resultLimit)), resultLimit);
  } catch (error) {
    if (error instanceof TooManyBytes) return null;
    throw error;
  }
}

/** Texts of an error that had to be cut to fit. */
const CUT = 1_000;

/**
 * Whatever was thrown, packed. Never throws and always fits: an error too large for the limit loses its properties, and
 * the ends of its message and stack.
 */
export function packException(thrown: unknown, { resultLimit }: PackOptions): Encoded {
  const error = toError(thrown, (value) => inspect(value, { depth: 2, maxStringLength: 1_000, breakLength: Infinity }));
  try {
    const packed = pack(error, { resultLimit });
    if (packed !== null) return packed;
  } catch {
    // Over some limit in number or depth: what is cut below is within all of them.
  }
  return pack(cutShort(error), { resultLimit: Number.POSITIVE_INFINITY }) as Encoded;
}

/** The value that was packed. Throws {@link DecodeError}, also for bytes that inflate to more than the limit. */
export function unpack({ encoding, bytes }: Encoded, options: DecodeOptions = {}): unknown {
  return decode(encoding === "z" ? inflate(bytes, inflatedLimit(options.resultLimit ?? RESULT_LIMIT)) : bytes, options);
}

function compress(bytes: Uint8Array<ArrayBuffer>, resultLimit: number): Encoded | null {
  if (bytes.length > COMPRESS_FROM) {
    try {
      const limit = Math.min(bytes.length - 1, resultLimit);
      const deflated = deflateRawSync(bytes, { level: 6, maxOutputLength: limit });
      // A copy, since zlib's output may lie in a larger piece of memory, and is handed to another thread whole.
      return { encoding: "z", bytes: Uint8Array.prototype.slice.call(deflated) };
    } catch (error) {
      if ((error as { code?: unknown }).code !== "ERR_BUFFER_TOO_LARGE") throw error;
    }
  }
  return bytes.length <= resultLimit ? { encoding: "b", bytes } : null;
}

function inflate(bytes: Uint8Array, limit: number): Uint8Array {
  try {
    const { buffer, engine } = inflateRawSync(bytes, { maxOutputLength: limit, info: true }) as unknown as {
      buffer: Buffer;
      engine: { bytesWritten: number };
    };
    if (engine.bytesWritten === bytes.length) return buffer;
  } catch (error) {
    const tooLarge = (error as { code?: unknown }).code === "ERR_BUFFER_TOO_LARGE";
    throw new DecodeError(tooLarge ? `it inflates to over ${limit} bytes` : "it does not inflate");
  }
  throw new DecodeError("there are bytes after the compressed value");
}

function cutShort(error: Error): Error {
  const cut = new Error();
  for (const key of ["name", "message", "stack"] as const) {
    let text: unknown;
    try {
      text = error[key];
    } catch {
      text = undefined;
    }
    const value = typeof text === "string" && text.length > CUT ? `${text.slice(0, CUT)} [cut]` : text;
    Object.defineProperty(cut, key, { value: value ?? "", configurable: true, writable: true });
  }
  return cut;
}
