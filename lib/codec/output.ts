import { TAG } from "./tag.js";

/** Thrown when a value has more bytes than allowed. The codec turns it into "too large". */
export class Overflow extends Error {
  /** How many bytes the value has at least. */
  readonly size: number;

  constructor(size: number) {
    super("the value has more bytes than allowed");
    this.size = size;
  }
}

/** Bytes of a new buffer. */
const INITIAL = 8_192;
/** A buffer of more bytes is dropped after use rather than kept for the next value. */
const KEPT = 1_048_576;

/** A growing buffer, reused for one value after another. */
export class Output {
  #bytes: Buffer = Buffer.allocUnsafeSlow(INITIAL);
  #view = viewOf(this.#bytes);
  #at = 0;
  #limit = 0;

  /** Begins a value of at most `limit` bytes. */
  start(limit: number): void {
    this.#at = 0;
    this.#limit = limit;
  }

  /** Drops a large buffer. */
  stop(): void {
    if (this.#bytes.length > KEPT) this.#use(Buffer.allocUnsafeSlow(INITIAL));
  }

  /** The bytes of the value, valid until `stop`. */
  finish(): Buffer {
    if (this.#at > this.#limit) throw new Overflow(this.#at);
    return this.#bytes.subarray(0, this.#at);
  }

  byte(value: number): void {
    if (this.#at === this.#bytes.length) this.#grow(1);
    this.#bytes[this.#at++] = value;
  }

  /** An unsigned integer of up to 32 bits. */
  varint(value: number): void {
    this.#room(5);
    const bytes = this.#bytes;
    let at = this.#at;
    let rest = value;
    while (rest >= 0x80) {
      bytes[at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    bytes[at++] = rest;
    this.#at = at;
  }

  /** A number with its tag. */
  number(value: number): void {
    if ((value | 0) !== value || (value === 0 && 1 / value < 0)) {
      this.byte(TAG.FLOAT);
      this.float(value);
    } else if (value >= 0 && value < 0x80) {
      this.byte(TAG.SMALL | value);
    } else {
      this.byte(TAG.INTEGER);
      this.varint(((value << 1) ^ (value >> 31)) >>> 0);
    }
  }

  float(value: number): void {
    this.#room(8);
    this.#view.setFloat64(this.#at, value, true);
    this.#at += 8;
  }

  bigint64(value: bigint): void {
    this.#room(8);
    this.#view.setBigInt64(this.#at, value, true);
    this.#at += 8;
  }

  /** A bigint of 0 or more: its length and its bytes, big-endian. */
  magnitude(value: bigint): void {
    const hex = value.toString(16);
    this.raw(Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex"));
  }

  /** A string with its tag. */
  text(value: string): void {
    const length = value.length;
    if (length < 0x40) {
      this.#room(length + 1);
      const bytes = this.#bytes;
      const at = this.#at + 1;
      let index = 0;
      for (; index < length; index++) {
        const unit = value.charCodeAt(index);
        if (unit > 0xff) break;
        bytes[at + index] = unit;
      }
      if (index === length) {
        bytes[at - 1] = TAG.SHORT | length;
        this.#at = at + length;
        return;
      }
    }
    const size = Buffer.byteLength(value, "utf8");
    if (size === length) this.#string(TAG.LATIN1, value, "latin1", size);
    else if (isWellFormed(value)) this.#string(TAG.UTF8, value, "utf8", size);
    else this.#string(TAG.UTF16, value, "utf16le", length * 2);
  }

  /** A reference to an object that was written before. */
  ref(number: number): void {
    this.byte(TAG.REF);
    this.varint(number);
  }

  /** Bytes after their length. */
  raw(value: Uint8Array): void {
    this.varint(value.length);
    this.#room(value.length);
    this.#bytes.set(value, this.#at);
    this.#at += value.length;
  }

  #string(tag: number, value: string, encoding: BufferEncoding, size: number): void {
    this.byte(tag);
    this.varint(size);
    this.#room(size);
    this.#bytes.write(value, this.#at, size, encoding);
    this.#at += size;
  }

  #room(size: number): void {
    if (this.#at + size > this.#bytes.length) this.#grow(size);
  }

  #grow(size: number): void {
    const needed = this.#at + size;
    // A varint asks for more room than it may need, hence the slack. `finish` checks exactly.
    if (needed > this.#limit + 8) throw new Overflow(needed);
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, Math.min(this.#bytes.length * 2, this.#limit + 8)));
    larger.set(this.#bytes.subarray(0, this.#at));
    this.#use(larger);
  }

  #use(bytes: Buffer): void {
    this.#bytes = bytes;
    this.#view = viewOf(bytes);
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Every supported Node.js has `isWellFormed`; the types of this language level do not. */
function isWellFormed(value: string): boolean {
  return (value as string & { isWellFormed(): boolean }).isWellFormed();
}
