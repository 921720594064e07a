/** Maps and Sets of fewer entries fill quickly even if all entries share a bucket. */
const CHECKED_FROM = 256;
/** Most numbers in one bucket. By chance the fullest of millions of buckets holds about 12. */
const BUCKET_LIMIT = 64;

/** Why such a Map or Set cannot be encoded. */
export const FLOODED = "too many of its numbers share a hash bucket, which makes a Map or Set slow: send an array";

/**
 * Protects Maps and Sets from hash flooding: numbers chosen to fall into one bucket of V8's hash
 * tables. V8 hashes numbers and bigints without a seed, so a Set of 178 kB of chosen integers takes
 * 0.8 to 4 s to fill. Strings and objects cannot be chosen this way.
 *
 * If a V8 hashes differently, the guard detects nothing, but refuses nothing harmless either: no
 * arithmetic sequence fills a bucket.
 */
export class FloodGuard {
  /** Keys by bucket. A byte suffices: the first bucket over the limit is refused. */
  readonly #counts: Uint8Array;
  readonly #mask: number;

  private constructor(size: number) {
    // V8 has one bucket for two entries, of a capacity that doubles.
    const buckets = 2 ** Math.ceil(Math.log2(size)) / 2;
    this.#counts = new Uint8Array(buckets);
    this.#mask = buckets - 1;
  }

  /** The guard of a Map or Set of this size; undefined if it is too small to need one. */
  static for(size: number): FloodGuard | undefined {
    return size < CHECKED_FROM ? undefined : new FloodGuard(size);
  }

  /** Counts a key. True if too many keys share its bucket. */
  floods(key: unknown): boolean {
    const hash = hashOf(key);
    if (hash === undefined) return false;
    const bucket = hash & this.#mask;
    const count = (this.#counts[bucket] as number) + 1;
    this.#counts[bucket] = count;
    return count > BUCKET_LIMIT;
  }
}

const float = new Float64Array(1);
const bigint = new BigUint64Array(float.buffer);
const halves = new Uint32Array(float.buffer);
/** Index in `halves` of the low half of 8 bytes, which depends on the machine's byte order. */
const LOW = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1 ? 0 : 1;

/** The hash that V8 gives a number or a bigint; undefined for any other key. */
function hashOf(key: unknown): number | undefined {
  if (typeof key === "number") {
    if ((key | 0) === key) return hash32(key);
    float[0] = key;
    return hash64(halves[1 - LOW] as number, halves[LOW] as number);
  }
  if (typeof key !== "bigint") return undefined;
  // V8 ignores the sign and all but the lowest 64 bits.
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

/** V8's `ComputeLongHash` on two 32-bit halves, which is 50 times as fast as on bigints. */
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
