import { deflateRawSync, inflateRawSync } from "node:zlib";
import { DecodeError, EncodeError } from "../errors.js";
import type { ErrorClass } from "./error-classes.js";
import { inflatedLimit, MAX_RESULT_LIMIT, MIN_RESULT_LIMIT, RESULT_LIMIT } from "./limits.js";
import { Overflow } from "./output.js";
import { Reader } from "./reader.js";
import { Refusal } from "./refusal.js";
import { showThrown } from "./show.js";
import { renditions, UNKNOWN_ERROR } from "./renditions.js";
import { Writer } from "./writer.js";

/** Fewer bytes are not compressed: that would take 30 µs and often add bytes. */
const COMPRESSED_FROM = 1_025;
/**
 * From this many bytes on, compression favours speed over size: 10 MB of JSON take 50 ms instead of
 * 97 and get 5 % larger. It is skipped if samples show that it would save nothing, which takes 1 ms
 * instead of 200.
 */
const LARGE = 262_144;
const SAMPLES = 8;
/** Bytes of one sample. */
const SAMPLE = 8_192;
/** Samples that keep more than this share of their size are noise: images, archives, floats. */
const NOISE = 0.9;

/** How a result is stored: `b` as encoded, `z` compressed with raw deflate. */
export type Encoding = "b" | "z";

/** An encoded value as it is stored and sent. No other view shares the ArrayBuffer of `bytes`. */
export interface Packed {
  readonly tooLarge?: never;
  readonly encoding: Encoding;
  readonly bytes: Buffer;
}

/**
 * A value of more than `resultLimit` bytes. `size` is its size before compression, or how far
 * encoding got.
 */
export interface TooLarge {
  readonly bytes?: never;
  readonly tooLarge: true;
  readonly size: number;
}

export interface PackOptions {
  /**
   * Most bytes of a result as stored, after compression, inclusive.
   * @default 8_192
   */
  readonly resultLimit?: number | undefined;
}

export interface EncodeOptions {
  /**
   * Most bytes, before compression.
   * @default 16_777_216 (16 MiB)
   */
  readonly limit?: number | undefined;
}

export interface DecodeOptions extends EncodeOptions {
  /**
   * Classes that errors are restored as, found by name. Baton's own are always known.
   * @default []
   */
  readonly errors?: readonly ErrorClass[] | undefined;
}

export interface UnpackOptions {
  /**
   * Most bytes as stored. The default is the highest limit that a result may have been made under,
   * which the awaiter does not know.
   * @default 67_108_864 (64 MiB)
   */
  readonly resultLimit?: number | undefined;
  /** As in {@link DecodeOptions}. */
  readonly errors?: readonly ErrorClass[] | undefined;
}

/**
 * Encodes a value to bytes, uncompressed. Identity and cycles survive. Instances of classes become
 * plain objects, as with structuredClone. Symbol keys, non-enumerable properties, named properties
 * of arrays and `lastIndex` are dropped.
 *
 * A view is encoded with the bytes that it shows, without the rest of its buffer, unless that
 * buffer is part of the value too. Decoded views that overlap share a buffer; all others have their
 * own.
 *
 * @throws {@link EncodeError} for what cannot be encoded or exceeds a limit, with the path of that
 * part
 */
export function encode(value: unknown, options?: EncodeOptions): Buffer {
  const limit = options?.limit ?? inflatedLimit(RESULT_LIMIT);
  try {
    return write(value, limit, own);
  } catch (error) {
    if (error instanceof Overflow) throw new EncodeError("$", `it has more than ${limit} bytes`);
    throw error;
  }
}

/**
 * Decodes bytes, which may come from anywhere. The value shares no memory with them.
 *
 * @throws {@link DecodeError} for bytes that are no encoded value
 */
export function decode(bytes: Uint8Array, options?: DecodeOptions): unknown {
  const limit = options?.limit ?? inflatedLimit(RESULT_LIMIT);
  if (bytes.length > limit) throw new DecodeError(`it has ${bytes.length} bytes, more than ${limit}`);
  try {
    return new Reader(bytes, limit, options?.errors ?? NONE).read();
  } catch (error) {
    if (error instanceof DecodeError) throw error;
    // For example a regular expression or a URL that does not parse, or a Map over V8's limit.
    throw new DecodeError(showThrown(error));
  }
}

/**
 * Encodes a result, compresses it if that helps, and checks its size.
 *
 * @throws {@link EncodeError} for what cannot be encoded, as {@link encode} does
 */
export function pack(value: unknown, options?: PackOptions): Packed | TooLarge {
  const resultLimit = options?.resultLimit ?? RESULT_LIMIT;
  try {
    return write(value, inflatedLimit(resultLimit), (raw) => store(raw, resultLimit));
  } catch (error) {
    if (error instanceof Overflow) return { tooLarge: true, size: error.size };
    throw error;
  }
}

/**
 * Encodes the value that a job threw, as an Error. Never throws, and the bytes are never too many.
 *
 * An error that cannot be encoded as it is loses parts until it can. Any other value becomes an
 * Error whose message shows the value and whose `cause` is the value. An error has at most 8,192
 * bytes, even if `resultLimit` is higher, because a job may fail many times.
 */
export function packException(thrown: unknown, options?: PackOptions): Packed {
  const resultLimit = Math.min(RESULT_LIMIT, Math.max(options?.resultLimit ?? RESULT_LIMIT, MIN_RESULT_LIMIT));
  for (const rendition of renditions(thrown)) {
    try {
      const packed = pack(rendition(), { resultLimit });
      if (packed.tooLarge === undefined) return packed;
    } catch {
      // A part cannot be encoded, or throws when read. The next rendition keeps less.
    }
  }
  return { encoding: "b", bytes: encode(UNKNOWN_ERROR) };
}

/**
 * Decodes the stored bytes of a result.
 *
 * @throws {@link DecodeError} for bytes that {@link pack} cannot have made
 */
export function unpack(encoding: string, bytes: Uint8Array, options?: UnpackOptions): unknown {
  const resultLimit = options?.resultLimit ?? MAX_RESULT_LIMIT;
  if (bytes.length > resultLimit)
    throw new DecodeError(`it has ${bytes.length} stored bytes, more than ${resultLimit}`);
  const limit = inflatedLimit(resultLimit);
  const decoding = { limit, errors: options?.errors };
  if (encoding === "b") return decode(bytes, decoding);
  if (encoding === "z") return decode(inflate(bytes, limit), decoding);
  throw new DecodeError(`unknown encoding ${JSON.stringify(encoding)}, perhaps of a newer release`);
}

const NONE: readonly ErrorClass[] = [];

/** The writer that serves one value after another; undefined while it is in use. */
let spare: Writer | undefined;

/** Encodes a value and passes its bytes to `use`, which must copy what it keeps. */
function write<T>(value: unknown, limit: number, use: (raw: Buffer) => T): T {
  // A getter of the value may encode too, and then gets a writer of its own.
  const writer = spare ?? new Writer();
  spare = undefined;
  try {
    return use(writer.write(value, limit));
  } catch (error) {
    throw error instanceof Refusal ? error.toEncodeError() : error;
  } finally {
    writer.stop();
    spare = writer;
  }
}

/** Compresses bytes if that helps, and checks their size. */
function store(raw: Buffer, resultLimit: number): Packed | TooLarge {
  if (raw.length >= COMPRESSED_FROM && (raw.length > resultLimit || !isNoise(raw))) {
    const deflated = deflate(raw, Math.min(resultLimit, raw.length - 1));
    if (deflated !== undefined) return { encoding: "z", bytes: own(deflated) };
  }
  if (raw.length > resultLimit) return { tooLarge: true, size: raw.length };
  return { encoding: "b", bytes: own(raw) };
}

/** The compressed bytes; undefined if they are more than `limit`. */
function deflate(raw: Buffer, limit: number): Buffer | undefined {
  if (raw.length < LARGE) return deflateAt(6, raw, limit);
  // Bytes that are too many at the quick level may fit at the better one.
  return deflateAt(3, raw, limit) ?? (raw.length > limit + 1 ? deflateAt(6, raw, limit) : undefined);
}

function deflateAt(level: number, raw: Buffer, limit: number): Buffer | undefined {
  try {
    return deflateRawSync(raw, { level, maxOutputLength: limit });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE") return undefined;
    throw error;
  }
}

/** Whether compression would save nothing, judged by samples from all parts. */
function isNoise(raw: Buffer): boolean {
  if (raw.length < LARGE) return false;
  const step = Math.floor(raw.length / SAMPLES);
  const samples = Array.from({ length: SAMPLES }, (_, at) => raw.subarray(at * step, at * step + SAMPLE));
  return deflateRawSync(Buffer.concat(samples), { level: 1 }).length > NOISE * SAMPLES * SAMPLE;
}

function inflate(bytes: Uint8Array, limit: number): Buffer {
  let inflated: { buffer: Buffer; engine: { bytesWritten: number } };
  try {
    // `info` makes zlib return how much of the input it used, which its types do not know.
    // Larger chunks decompress large results in four fifths of the time.
    const chunkSize = bytes.length < LARGE ? undefined : LARGE;
    inflated = inflateRawSync(bytes, { maxOutputLength: limit, info: true, chunkSize }) as unknown as typeof inflated;
  } catch (error) {
    throw new DecodeError(`it does not inflate: ${(error as Error).message}`);
  }
  if (inflated.engine.bytesWritten !== bytes.length) throw new DecodeError("bytes follow the compressed ones");
  return inflated.buffer;
}

/**
 * A copy with an ArrayBuffer of its own. The memory of the writer, of pools and of zlib is
 * shared, and some of it cannot be transferred.
 */
function own(bytes: Uint8Array): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  copy.set(bytes);
  return copy;
}
