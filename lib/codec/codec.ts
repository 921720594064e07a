import { deflateRawSync, inflateRawSync } from "node:zlib";
import { DecodeError, EncodeError } from "../errors.js";
import type { ErrorClass } from "./error-classes.js";
import { inflatedLimit, MAX_RESULT_LIMIT, MIN_RESULT_LIMIT, RESULT_LIMIT } from "./limits.js";
import { Overflow } from "./output.js";
import { Reader } from "./reader.js";
import { Refusal } from "./refusal.js";
import { showThrown } from "./show.js";
import { BARE, renditions } from "./renditions.js";
import { Writer } from "./writer.js";

/** Fewer bytes than this are not compressed: it takes 30 µs and often makes them more. */
const COMPRESSED_FROM = 1_025;
/**
 * From here on compression is quick rather than close (10 MB of JSON: 50 ms instead of 97, and 5 % more bytes), and left out
 * where a sample shows that it would be in vain, which takes 1 ms instead of 200.
 */
const LARGE = 262_144;
const SAMPLES = 8;
const SAMPLE = 8_192;
/** A sample that keeps more than this of its size is noise: an image, an archive, floating point numbers. */
const NOISE = 0.9;

/** How the bytes of a result are stored: `b` as encoded, `z` deflated (raw). */
export type Encoding = "b" | "z";

/** An encoded value as it is stored and sent. `bytes` has its ArrayBuffer to itself and can be transferred. */
export interface Packed {
  readonly tooLarge?: never;
  readonly encoding: Encoding;
  readonly bytes: Buffer;
}

/** A value of more than `resultLimit` bytes. `size` is what it came to before compression, or where encoding gave up. */
export interface TooLarge {
  readonly bytes?: never;
  readonly tooLarge: true;
  readonly size: number;
}

export interface PackOptions {
  /** Most bytes of a result as stored, after compression. Default 8,192; exactly that many pass. */
  readonly resultLimit?: number | undefined;
}

export interface EncodeOptions {
  /** Most bytes. Default 16 MiB. */
  readonly limit?: number | undefined;
}

export interface DecodeOptions extends EncodeOptions {
  /** Classes that errors come back as, found by their name; Baton's own always do. Default none. */
  readonly errors?: readonly ErrorClass[] | undefined;
}

export interface UnpackOptions {
  /** Most bytes, as stored. Default 64 MiB: who awaits a result does not know under which limit it was made. */
  readonly resultLimit?: number | undefined;
  /** As in {@link DecodeOptions}. */
  readonly errors?: readonly ErrorClass[] | undefined;
}

/**
 * The bytes of a value, uncompressed. Identity and cycles survive. Instances of classes arrive as
 * plain objects, as with structuredClone. Symbol keys, non-enumerable properties, named properties
 * of arrays and `lastIndex` are left behind.
 *
 * A view sends the bytes that it shows and not the rest of its buffer, unless that buffer is in the
 * value too. Views that overlap share a buffer afterwards; other views have a buffer each.
 *
 * Throws EncodeError, naming the part, for what cannot be encoded or goes over a limit.
 */
export function encode(value: unknown, options?: EncodeOptions): Buffer {
  const limit = options?.limit ?? inflatedLimit(RESULT_LIMIT);
  try {
    return write(value, limit, own);
  } catch (error) {
    if (error instanceof Overflow) throw new EncodeError("$", `it takes more than ${limit} bytes`);
    throw error;
  }
}

/** The value of bytes, which may be anything: ends in a value, which shares no memory with them, or throws DecodeError. */
export function decode(bytes: Uint8Array, options?: DecodeOptions): unknown {
  const limit = options?.limit ?? inflatedLimit(RESULT_LIMIT);
  if (bytes.length > limit) throw new DecodeError(`it has ${bytes.length} bytes, more than ${limit}`);
  try {
    return new Reader(bytes, limit, options?.errors ?? NONE).read();
  } catch (error) {
    if (error instanceof DecodeError) throw error;
    // A regular expression or a URL that does not parse, a Map over V8's limit and the like.
    throw new DecodeError(showThrown(error));
  }
}

/** Encodes a result, compresses it where that helps, and checks its size. Throws EncodeError as {@link encode} does. */
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
 * Encodes whatever a job threw, as an Error: never throws and is never too large. An error that cannot be encoded whole loses what
 * cannot be, then more and more; what is no Error becomes one whose message shows it and whose `cause` it is. A raised
 * `resultLimit` is for results: an error has 8,192 bytes at most, since a job may fail many times.
 */
export function packException(thrown: unknown, options?: PackOptions): Packed {
  const resultLimit = Math.min(RESULT_LIMIT, Math.max(options?.resultLimit ?? RESULT_LIMIT, MIN_RESULT_LIMIT));
  for (const telling of renditions(thrown)) {
    try {
      const packed = pack(telling(), { resultLimit });
      if (packed.tooLarge === undefined) return packed;
    } catch {
      // It holds what cannot be encoded, or fights being read: the next telling keeps less of it.
    }
  }
  return { encoding: "b", bytes: encode(BARE) };
}

/** The value of stored bytes. Throws DecodeError for bytes that {@link pack} cannot have made. */
export function unpack(encoding: string, bytes: Uint8Array, options?: UnpackOptions): unknown {
  const resultLimit = options?.resultLimit ?? MAX_RESULT_LIMIT;
  if (bytes.length > resultLimit)
    throw new DecodeError(`it has ${bytes.length} stored bytes, more than ${resultLimit}`);
  const limit = inflatedLimit(resultLimit);
  const decoding = { limit, errors: options?.errors };
  if (encoding === "b") return decode(bytes, decoding);
  if (encoding === "z") return decode(inflate(bytes, limit), decoding);
  throw new DecodeError(`unknown encoding ${JSON.stringify(encoding)}; it may come from a newer release`);
}

const NONE: readonly ErrorClass[] = [];

// One writer serves value after value; a getter that encodes while it is in use gets one of its own.
let spare: Writer | undefined;

function write<T>(value: unknown, limit: number, use: (raw: Buffer) => T): T {
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

function store(raw: Buffer, resultLimit: number): Packed | TooLarge {
  if (raw.length >= COMPRESSED_FROM && (raw.length > resultLimit || !isNoise(raw))) {
    const deflated = deflate(raw, Math.min(resultLimit, raw.length - 1));
    if (deflated !== undefined) return { encoding: "z", bytes: own(deflated) };
  }
  if (raw.length > resultLimit) return { tooLarge: true, size: raw.length };
  return { encoding: "b", bytes: own(raw) };
}

/** At most `limit` bytes, or undefined: compressing stops there. */
function deflate(raw: Buffer, limit: number): Buffer | undefined {
  if (raw.length < LARGE) return deflateAt(6, raw, limit);
  // What is too large when compressed quickly may fit when compressed well.
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

/** Whether compressing is in vain, by samples from all over. */
function isNoise(raw: Buffer): boolean {
  if (raw.length < LARGE) return false;
  const step = Math.floor(raw.length / SAMPLES);
  const samples = Array.from({ length: SAMPLES }, (_, at) => raw.subarray(at * step, at * step + SAMPLE));
  return deflateRawSync(Buffer.concat(samples), { level: 1 }).length > NOISE * SAMPLES * SAMPLE;
}

function inflate(bytes: Uint8Array, limit: number): Buffer {
  let inflated: { buffer: Buffer; engine: { bytesWritten: number } };
  try {
    // With `info` the engine tells how much of the input it used; the types do not know that option's result.
    // Larger chunks save long results a fifth of the time.
    const chunkSize = bytes.length < LARGE ? undefined : LARGE;
    inflated = inflateRawSync(bytes, { maxOutputLength: limit, info: true, chunkSize }) as unknown as typeof inflated;
  } catch (error) {
    throw new DecodeError(`it does not inflate: ${(error as Error).message}`);
  }
  if (inflated.engine.bytesWritten !== bytes.length) throw new DecodeError("bytes follow the compressed ones");
  return inflated.buffer;
}

/** A copy with memory of its own: scratch, pools and the chunks of zlib are shared, and some cannot be transferred. */
function own(bytes: Uint8Array): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  copy.set(bytes);
  return copy;
}
