import { DecodeError } from "../errors.js";
import { TAG } from "./tag.js";

/** V8 copies substrings of up to this length. A longer one would keep the whole window alive. */
const COPIED = 12;
/**
 * Bytes that are converted to text at once, from which short strings are cut: one call into C++
 * instead of dozens.
 */
const WINDOW = 4_096;

/** Methods of every Buffer that the types omit. `toString` calls them, after 30 ns of checks. */
interface Slices {
  latin1Slice(start: number, end: number): string;
  utf8Slice(start: number, end: number): string;
}

/** Bytes, read once from front to back. Every value read is a copy. */
export class Input {
  readonly #bytes: Buffer & Slices;
  readonly #view: DataView;
  readonly #end: number;
  #at = 0;
  /** The window: the bytes from `#textStart` to `#textEnd` as text. */
  #text = "";
  #textStart = 0;
  #textEnd = 0;

  constructor(bytes: Uint8Array) {
    const buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#bytes = buffer as Buffer & Slices;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#end = bytes.length;
  }

  get remaining(): number {
    return this.#end - this.#at;
  }

  byte(): number {
    if (this.#at >= this.#end) throw truncated();
    return this.#bytes[this.#at++] as number;
  }

  /** Whether the next byte is `tag`. If so, it is skipped. */
  skips(tag: number): boolean {
    if (this.#at >= this.#end || this.#bytes[this.#at] !== tag) return false;
    this.#at++;
    return true;
  }

  /** An unsigned integer of at most 5 bytes. */
  varint(): number {
    let byte = this.byte();
    if (byte < 0x80) return byte;
    let value = byte & 0x7f;
    for (let shift = 7; shift < 35; shift += 7) {
      byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw new DecodeError("an integer has more than 5 bytes");
  }

  /**
   * The count of items of at least `size` bytes each. Throws if the remaining bytes cannot hold
   * them, so that nothing is allocated for them.
   */
  count(size: number): number {
    const count = this.varint();
    if (count * size > this.remaining) throw truncated();
    return count;
  }

  integer(): number {
    const zigzag = this.varint();
    return (zigzag >>> 1) ^ -(zigzag & 1);
  }

  float(): number {
    return this.#view.getFloat64(this.#skip(8), true);
  }

  bigint64(): bigint {
    return this.#view.getBigInt64(this.#skip(8), true);
  }

  /** A bigint of 0 or more, of at most `limit` bytes. */
  bigint(limit: number): bigint {
    const length = this.count(1);
    if (length > limit) throw new DecodeError(`a bigint has more than ${limit} bytes`);
    const start = this.#skip(length);
    return length === 0 ? 0n : BigInt(`0x${this.#bytes.toString("hex", start, start + length)}`);
  }

  /** A string with its tag. */
  string(): string {
    const tag = this.byte();
    if (tag >= TAG.SHORT && tag < TAG.SMALL) return this.short(tag & 0x3f);
    return this.text(tag);
  }

  /** A Latin-1 string of `length` bytes. */
  short(length: number): string {
    const start = this.#skip(length);
    const end = start + length;
    if (length > COPIED) return this.#bytes.latin1Slice(start, end);
    if (end > this.#textEnd) {
      this.#textStart = start;
      this.#textEnd = Math.min(start + WINDOW, this.#end);
      this.#text = this.#bytes.latin1Slice(start, this.#textEnd);
    }
    return this.#text.substring(start - this.#textStart, end - this.#textStart);
  }

  /** A string whose tag was read already. */
  text(tag: number): string {
    if (tag !== TAG.LATIN1 && tag !== TAG.UTF8 && tag !== TAG.UTF16)
      throw new DecodeError(`expected a string, found tag ${tag}`);
    const length = this.count(1);
    const start = this.#skip(length);
    const end = start + length;
    if (tag === TAG.LATIN1) return this.#bytes.latin1Slice(start, end);
    if (tag === TAG.UTF8) return this.#bytes.utf8Slice(start, end);
    return this.#bytes.toString("utf16le", start, end);
  }

  buffer(): ArrayBuffer {
    const length = this.count(1);
    const start = this.#skip(length);
    const copy = new Uint8Array(length);
    copy.set(this.#bytes.subarray(start, start + length));
    return copy.buffer;
  }

  /** Skips bytes. Returns where they start. */
  #skip(length: number): number {
    const start = this.#at;
    if (length > this.#end - start) throw truncated();
    this.#at = start + length;
    return start;
  }
}

function truncated(): DecodeError {
  return new DecodeError("the bytes end too early");
}
