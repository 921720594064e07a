import { SMALL_INTEGER, TAG } from "./tags.js";

/** Strings up to this length are written character by character: a call into native code costs more. */
const SHORT = 32;

/** One buffer is kept from value to value, unless a large one made it grow past this. */
const SPARE_LIMIT = 1_024 * 1_024;
const FIRST_SIZE = 64 * 1_024;
let spare: Buffer | null = null;

/** Over the number of bytes that a reader would take. */
export class TooManyBytes extends Error {}

/** Growing bytes, and the primitives of the format. Throws {@link TooManyBytes} over its limit. */
export class Output {
  readonly #limit: number;
  #buffer: Buffer;
  /** How many bytes are written; may be set back. */
  position = 0;

  constructor(limit: number) {
    this.#limit = limit;
    this.#buffer = spare ?? Buffer.allocUnsafeSlow(FIRST_SIZE);
    spare = null;
  }

  /** What was written, in memory of its own. */
  copy(): Uint8Array<ArrayBuffer> {
    if (this.position > this.#limit) throw new TooManyBytes();
    const copy = new Uint8Array(this.position);
    copy.set(this.#buffer.subarray(0, this.position));
    return copy;
  }

  /** Gives the buffer back for the next value. */
  release(): void {
    if (this.#buffer.length <= SPARE_LIMIT) spare = this.#buffer;
  }

  byte(value: number): void {
    if (this.position === this.#buffer.length) this.#reserve(1);
    this.#buffer[this.position] = value;
    this.position += 1;
  }

  varint(value: number): void {
    this.#reserve(5);
    while (value >= 0x80) {
      this.#buffer[this.position++] = (value & 0x7f) | 0x80;
      value >>>= 7;
    }
    this.#buffer[this.position++] = value;
  }

  double(value: number): void {
    this.#reserve(8);
    this.#buffer.writeDoubleLE(value, this.position);
    this.position += 8;
  }

  /** Their number, then the bytes. */
  bytes(bytes: Uint8Array): void {
    this.varint(bytes.length);
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.position);
    this.position += bytes.length;
  }

  number(value: number): void {
    if ((value | 0) !== value || Object.is(value, -0)) {
      this.byte(TAG.DOUBLE);
      this.double(value);
    } else if (value >= 0 && value < 0x80) {
      this.byte(SMALL_INTEGER + value);
    } else {
      this.byte(TAG.INTEGER);
      this.varint(((value << 1) ^ (value >> 31)) >>> 0);
    }
  }

  string(value: string): void {
    const { length } = value;
    if (length <= SHORT) {
      this.#reserve(2 + length);
      const buffer = this.#buffer;
      const start = this.position + 2;
      let at = 0;
      for (; at < length; at += 1) {
        const code = value.charCodeAt(at);
        if (code >= 0x80) break;
        buffer[start + at] = code;
      }
      if (at === length) {
        buffer[start - 2] = TAG.ASCII;
        buffer[start - 1] = length;
        this.position = start + length;
        return;
      }
    }
    this.#anyString(value);
  }

  #anyString(value: string): void {
    const size = Buffer.byteLength(value);
    if (size === value.length) this.#text(TAG.ASCII, value, size, "latin1");
    else if (value.isWellFormed()) this.#text(TAG.UTF8, value, size, "utf8");
    else this.#text(TAG.UTF16, value, value.length * 2, "utf16le");
  }

  #text(tag: number, value: string, size: number, encoding: BufferEncoding): void {
    this.byte(tag);
    this.varint(size);
    this.#reserve(size);
    this.#buffer.write(value, this.position, encoding);
    this.position += size;
  }

  #reserve(size: number): void {
    const needed = this.position + size;
    if (needed <= this.#buffer.length) return;
    if (needed > this.#limit) throw new TooManyBytes();
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#buffer.length * 2));
    grown.set(this.#buffer.subarray(0, this.position));
    this.#buffer = grown;
  }
}
