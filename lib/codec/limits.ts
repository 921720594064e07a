/**
 * The limits that encoder and decoder share, so that every value that was encoded can be decoded.
 *
 * The number of containers is not limited: a million small rows are a legitimate result. The memory
 * that decoding takes is limited instead: by the bytes, and by `WEIGHT` for containers that take
 * more heap than their bytes.
 */

/** Most bytes of a stored result, unless the host or the worker sets `resultLimit`. */
export const RESULT_LIMIT = 8_192;

/** The lowest `resultLimit`, in bytes: the smallest error fits into it. */
export const MIN_RESULT_LIMIT = 64;

/** The highest `resultLimit`, in bytes: 64 MiB. An awaiter accepts results up to this size. */
export const MAX_RESULT_LIMIT = 67_108_864;

/** Levels of nested containers. `[[]]` has a depth of 2. */
export const MAX_DEPTH = 128;

/** Length of the source of a regular expression, in UTF-16 code units. */
export const MAX_REGEXP = 1_024;

/** Bytes of a bigint's magnitude. */
export const MAX_BIGINT = 8_192;

/**
 * Most keys of a shape that later objects can refer to. An object with more is a dictionary, whose
 * keys hardly repeat.
 */
export const MAX_SHAPE = 64;

const MIB = 1_048_576;

/**
 * Most bytes before compression of a result of at most `resultLimit` bytes after it.
 *
 * An awaiter does not know the limit of the host, so it accepts what the highest allows: 256 MiB.
 * Deflate expands at most 1,032 times. The easiest forgery, a notification of 8 kB, thus yields at
 * most 8.4 MB; for more, an attacker must write a row.
 */
export function inflatedLimit(resultLimit: number): number {
  return Math.max(16 * MIB, 4 * resultLimit);
}

/**
 * Most bytes of heap that a value's containers may take, without their contents: 256 MiB from a
 * byte limit of 16 MiB on, so that encoder and decoder agree without knowing each other's limits.
 *
 * An empty Map has 2 bytes on the wire and 300 in memory. This limit keeps 16 MiB of empty Maps
 * from taking 2 GiB, and leaves room for 4 million small objects.
 */
export function weightLimit(inflated: number): number {
  return 16 * Math.min(inflated, 16 * MIB);
}

/** Approximate bytes of heap of one container. Values not listed take no more than their bytes. */
export const WEIGHT = {
  object: 64,
  array: 48,
  // A hole takes 8 bytes; the rest stands for the time to find the next element. At most 4 million.
  hole: 64,
  map: 320,
  set: 256,
  buffer: 256,
  view: 192,
  regexp: 512,
  url: 1_024,
  error: 1_024,
} as const;
