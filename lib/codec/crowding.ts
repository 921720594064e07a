/** Maps and Sets of fewer entries are quick to fill whatever is in them. */
const CHECKED_FROM = 256;
/** Most numbers in one bucket. Chance puts about 12 into the fullest of millions. */
const CROWD = 64;

/** Why such a Map or Set is refused. */
export const CROWDED = "its numbers were chosen to make a Map or Set slow: send an array";

/**
 * Finds numbers that were chosen to fall into one bucket of V8's hash tables. V8 hashes numbers and
 * bigints without a seed, so that 178 kB of chosen integers take a Set 0.8 to 4 s to fill. Strings
 * and objects cannot be chosen this way.
 *
 * Should a V8 hash otherwise, nothing is found, and nothing harmless is refused either: no
 * arithmetic sequence crowds.
 */
export class Crowding {
  readonly #counts: Uint8Array;
  readonly #mask: number;

  private constructor(size: number) {
    // V8 has a bucket for every two entries of a capacity that doubles.
    const buckets = 2 ** Math.ceil(Math.log2(size)) / 2;
    this.#counts = new Uint8Array(buckets);
    this.#mask = buckets - 1;
  }

  /** For a Map or Set of this size; undefined where it is too small to matter. */
  static of(size: number): Crowding | undefined {
    return size < CHECKED_FROM ? undefined : new Crowding(size);
  }

  /** Counts a key. True if too many share its bucket. */
  crowds(key: unknown): boolean {
    const hash = hashOf(key);
    if (hash === undefined) return false;
    const bucket = hash & this.#mask;
    const count = (this.#counts[bucket] as number) + 1;
    this.#counts[bucket] = count;
    return count > CROWD;
  }
}

const float = new Float64Array(1);
const bigint = new BigUint64Array(float.buffer);
const halves = new Uint32Array(float.buffer);
/** Where the low half of 8 bytes stands. */
const LOW = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1 ? 0 : 1;

/** The hash that V8 gives a number or a bigint; undefined for any other key. */
function hashOf(key: unknown): number | undefined {
  if (typeof key === "number") {
    if ((key | 0) === key) return hash32(key);
    float[0] = key;
    return hash64(halves[1 - LOW] as number, halves[LOW] as number);
  }
  if (typeof key !== "bigint") return undefined;
  // V8 leaves out the sign, and all but the lowest 64 bits.
  bigint[0] = key < 0n ? -key : key;
  return hash64(halves[1 - LOW] as number, halves[LOW] as number);
}

/** V8's `ComputeUnseededHash`. */
function hash32(key: number): number {
  let hash = (~key + (key << 15)) | 0;
  hash ^= hash >>> 12;
  hash = (hash + (hash << 2)) | 0;
  hash ^= hash >>> 4;
  hash = Math.imul(hash, 2_057);
  return (hash ^ (hash >>> 16)) & 0x3fff_ffff;
}

/** V8's `ComputeLongHash`, in halves: with bigints it would take 50 times as long. */
function hash64(high: number, low: number): number {
  let [hi, lo] = [high, low];
  const add = (otherHi: number, otherLo: number): void => {
    const sum = (lo >>> 0) + (otherLo >>> 0);
    hi = (hi + otherHi + (sum > 0xffff_ffff ? 1 : 0)) | 0;
    lo = sum | 0;
  };
  const [shiftedHi, shiftedLo] = [(hi << 18) | (lo >>> 14), lo << 18];
  [hi, lo] = [~hi, ~lo];
  add(shiftedHi, shiftedLo);
  [hi, lo] = [hi ^ (hi >>> 31), lo ^ ((lo >>> 31) | (hi << 1))];
  const [onceHi, onceLo] = [hi, lo];
  add((onceHi << 2) | (onceLo >>> 30), onceLo << 2);
  add((onceHi << 4) | (onceLo >>> 28), onceLo << 4);
  [hi, lo] = [hi ^ (hi >>> 11), lo ^ ((lo >>> 11) | (hi << 21))];
  add((hi << 6) | (lo >>> 26), lo << 6);
  return (lo ^ ((lo >>> 22) | (hi << 10))) & 0x3fff_ffff;
}
