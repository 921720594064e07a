/**
 * The first byte of every encoded value. The comments list the bytes that follow.
 *
 * Integers and lengths are varints of 7 bits a byte, low bits first. Floats and the elements of
 * typed arrays are little-endian. Unlisted tags are reserved; decoders refuse them. Each object,
 * from OBJECT to ERROR, gets the next number, from 0, when its tag is written. REF refers to it by
 * that number.
 */
export const TAG = {
  UNDEFINED: 0x00,
  NULL: 0x01,
  FALSE: 0x02,
  TRUE: 0x03,
  /** zigzag varint, 32 bits */
  INTEGER: 0x04,
  /** 8 bytes; every other number, and -0 */
  FLOAT: 0x05,
  /** 8 bytes, signed */
  BIGINT64: 0x06,
  /** length in bytes, magnitude big-endian */
  BIGINT: 0x07,
  /** like BIGINT, for a negative one */
  NEGATIVE_BIGINT: 0x08,
  /** length in bytes, bytes */
  LATIN1: 0x09,
  UTF8: 0x0a,
  /** like LATIN1, for strings with lone surrogates, which UTF-8 cannot hold */
  UTF16: 0x0b,
  /** number of an earlier object */
  REF: 0x10,
  /**
   * shape, values. A new shape is 0, count, keys, and gets the next number, from 1, if it has at
   * most MAX_SHAPE keys
   */
  OBJECT: 0x11,
  /** like OBJECT, without a prototype */
  BARE_OBJECT: 0x12,
  /** length, then values and HOLES that add up to it */
  ARRAY: 0x13,
  /** count: only inside an array */
  HOLES: 0x14,
  /** count, then key and value in turn */
  MAP: 0x15,
  /** count, values */
  SET: 0x16,
  /** 8 bytes; ms since the epoch, NaN for an invalid date */
  DATE: 0x17,
  /** source and flags as strings; lastIndex is not kept */
  REGEXP: 0x18,
  /** href as a string */
  URL: 0x19,
  /** the primitive inside */
  BOXED: 0x1a,
  /** length, bytes */
  BUFFER: 0x1b,
  /** kind, byte offset, length in elements, then a BUFFER or the REF of one */
  VIEW: 0x1c,
  /** ERROR_HEAD, the parts that it lists, then own enumerable properties as shape, values */
  ERROR: 0x1d,
  /** 0x40 to 0x7f: a string of 0 to 63 Latin-1 characters, which follow */
  SHORT: 0x40,
  /** 0x80 to 0xff: the integers 0 to 127 */
  SMALL: 0x80,
} as const;

/** The byte after ERROR: in its low three bits the built-in class, above them the parts. */
export const ERROR_HEAD = {
  BASE: 0x07,
  /** class name and `name`, two strings; if absent, both are the built-in class's */
  NAMES: 0x08,
  MESSAGE: 0x10,
  STACK: 0x20,
  CAUSE: 0x40,
  ERRORS: 0x80,
} as const;
