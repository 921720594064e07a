/**
 * The format: each value is a tag byte, then what the tag asks for. Lengths and counts are unsigned LEB128 varints. Every
 * object is numbered in the order in which its tag appears, so that `REFERENCE` can mean it again.
 * Bytes 0x80 to 0xff are the integers 0 to 127.
 */
export const TAG = {
  UNDEFINED: 0x00,
  NULL: 0x01,
  FALSE: 0x02,
  TRUE: 0x03,
  /** Only in arrays: how many holes. */
  HOLES: 0x04,
  /** A 32-bit integer, zigzag varint. */
  INTEGER: 0x05,
  /** Eight bytes, little endian. */
  DOUBLE: 0x06,
  /** Sign byte (0 or 1), length, magnitude, big endian. */
  BIGINT: 0x07,
  /** Length, one byte a character; all are below 0x80. */
  ASCII: 0x08,
  /** Length in bytes, UTF-8. */
  UTF8: 0x09,
  /** Length in bytes, UTF-16LE: for strings with lone surrogates. */
  UTF16: 0x0a,
  /** Number of an earlier object. */
  REFERENCE: 0x0b,
  /** Key count, the keys, the values. The key list becomes the next shape. */
  OBJECT: 0x10,
  /** Number of a shape, the values. */
  SHAPED: 0x11,
  /** As OBJECT, without a prototype. */
  NULL_OBJECT: 0x12,
  /** Length, then items and HOLES. */
  ARRAY: 0x13,
  /** Count, then key and value in turn. */
  MAP: 0x14,
  /** Count, then the members. */
  SET: 0x15,
  /** A double: ms since the epoch, NaN for an invalid date. */
  DATE: 0x16,
  /** Source string, flags string. */
  REGEXP: 0x17,
  /** A primitive that was wrapped in an object. */
  BOXED: 0x18,
  /** A string. */
  URL: 0x19,
  /** Length, bytes. */
  ARRAY_BUFFER: 0x1a,
  /** Length, bytes: a Node.js Buffer. */
  BUFFER: 0x1b,
  /** View type, then an ARRAY_BUFFER or a REFERENCE to one: the view covers all of it. */
  VIEW: 0x1c,
  /** Class name, name, message, stack or undefined, then key count, keys and values of its properties. */
  ERROR: 0x1d,
} as const;

/** A small integer is its own tag: this plus 0 to 127. */
export const SMALL_INTEGER = 0x80;

/** The kinds of view, by their number on the wire. */
export const VIEW_TYPES = [
  "DataView",
  "Int8Array",
  "Uint8Array",
  "Uint8ClampedArray",
  "Int16Array",
  "Uint16Array",
  "Int32Array",
  "Uint32Array",
  "Float32Array",
  "Float64Array",
  "BigInt64Array",
  "BigUint64Array",
  "Float16Array",
] as const;

/**
 * What both sides refuse to go over, so that nothing is sent that cannot be read. They bound what hostile bytes can cost:
 * a container takes a byte or two on the wire, but some hundred bytes of memory.
 */
export const LIMITS = {
  /** Values within values. */
  depth: 128,
  /** Objects of any kind: room for a million small rows. */
  containers: 1_048_576,
  errors: 1_024,
  views: 4_096,
  /** Holes in all arrays together. */
  holes: 1_048_576,
  /** Characters of a RegExp's source: compiling costs more than its length. */
  regexp: 1_024,
  /** Bytes of a bigint: parsing costs more than its length. */
  bigint: 8_192,
} as const;
