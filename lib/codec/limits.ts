/**
 * What encoder and decoder both refuse, so that a value that was encoded is never refused by the one who awaits it.
 * There is no count of containers: a million small rows are a legitimate result. What decoding costs in memory is
 * bounded instead: bytes bound whatever has no overhead of its own, and `WEIGHT` bounds the rest.
 */

/** Bytes of a stored result unless the host or the worker says otherwise. */
export const RESULT_LIMIT = 8_192;

/** The least that `resultLimit` may be: what the barest error takes. */
export const MIN_RESULT_LIMIT = 64;

/** The most that it may be, 64 MiB, and so what an awaiter takes whose own options say nothing about the host's. */
export const MAX_RESULT_LIMIT = 67_108_864;

/** How many containers may stand inside one another. `[[]]` has a depth of 2. */
export const MAX_DEPTH = 128;

/** UTF-16 units of a regular expression's source. */
export const MAX_REGEXP = 1_024;

/** Bytes of a bigint's magnitude. */
export const MAX_BIGINT = 8_192;

/** A shape of more keys than this is a dictionary: it is not kept for the next object, which would hardly have it too. */
export const MAX_SHAPE = 64;

const MIB = 1_048_576;

/**
 * Bytes before compression for results of at most `resultLimit` bytes after it. An awaiter does not know the limit under which
 * a result was made, so it takes what the highest lets through, 256 MiB. Deflate expands at most 1,032 times, so what
 * can be forged most easily, a notification of 8 kB, is never over 8.4 MB; for more, somebody must have written a row.
 */
export function inflatedLimit(resultLimit: number): number {
  return Math.max(16 * MIB, 4 * resultLimit);
}

/**
 * Bytes of heap that containers may cost by themselves, without what they hold: 256 MiB, however high the limit on bytes is,
 * so that encoder and decoder agree without knowing of each other. An empty array is 2 bytes on the wire and an empty
 * Map 2 as well, but 300 bytes in memory; this is what keeps 16 MiB of empty Maps from taking 2 GiB, and it leaves room for
 * 4 million small objects.
 */
export function weightLimit(inflated: number): number {
  return 16 * Math.min(inflated, 16 * MIB);
}

/** Bytes of heap that one of each costs, about, by itself. What is not listed costs no more than its bytes allow. */
export const WEIGHT = {
  object: 64,
  array: 48,
  // 8 bytes in memory; the rest is for the time that looking for the next element takes: 4 million holes in all
  hole: 64,
  map: 320,
  set: 256,
  buffer: 256,
  view: 192,
  regexp: 512,
  url: 1_024,
  error: 1_024,
} as const;
