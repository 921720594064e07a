/** Bytes of a buffer, without the one at `end`. */
type Range = readonly [start: number, end: number];

/** A part of a buffer that is written once, with the first of its views. */
export interface Span {
  /** Where the copy begins: a multiple of 8, so that the elements of every view stay aligned. */
  readonly base: number;
  readonly start: number;
  readonly end: number;
  /** The copy's number on the wire; undefined until it is written. */
  number: number | undefined;
}

/** Bytes of the widest element of a typed array. */
const ALIGNMENT = 8;
/** Most ranges that are kept in order. In a longer array, splicing is too slow. */
const ORDERED = 1_024;

/**
 * The parts of buffers that a value shows through views. Only these bytes are sent. The bytes
 * around them may be secrets, since Node.js cuts small Buffers from a pool, or megabytes, since
 * WebAssembly has views of its whole memory. Views that overlap keep sharing memory.
 *
 * The writer adds the range of each view. If ranges overlap, it merges them to spans and writes the
 * value a second time, each span once.
 */
export class Spans {
  /** Ordered and disjoint while `#overlapping` is false. */
  readonly #ranges = new Map<ArrayBufferLike, Range[]>();
  /** Set by `merge`. Ordered and disjoint. */
  #spans: ReadonlyMap<ArrayBufferLike, readonly Span[]> | undefined;
  #overlapping = false;

  /** Whether ranges may overlap, so that the value must be written a second time. */
  get overlapping(): boolean {
    return this.#overlapping;
  }

  /** Whether a range of this buffer was added. */
  has(buffer: ArrayBufferLike): boolean {
    return this.#ranges.has(buffer);
  }

  /** Adds a range. False if it may overlap another one; then this pass need not write its bytes. */
  add(buffer: ArrayBufferLike, start: number, end: number): boolean {
    if (this.#spans !== undefined) return true;
    const ranges = this.#ranges.get(buffer);
    if (ranges === undefined) {
      this.#ranges.set(buffer, [[start, end]]);
      return true;
    }
    if (!this.#overlapping && insert(ranges, start, end)) return true;
    this.#overlapping = true;
    ranges.push([start, end]);
    return false;
  }

  /** Ends the first pass: merges the ranges to the spans that `find` returns. */
  merge(): void {
    this.#spans = new Map([...this.#ranges].map(([buffer, ranges]) => [buffer, merged(ranges)]));
    this.#overlapping = false;
  }

  /** The span that contains a range; undefined before `merge`, and if the range was not added. */
  find(buffer: ArrayBufferLike, start: number, end: number): Span | undefined {
    const spans = this.#spans?.get(buffer);
    if (spans === undefined) return undefined;
    const span = spans[firstEndingAfter(spans.length, (index) => (spans[index] as Span).end, start)];
    return span !== undefined && span.start <= start && end <= span.end ? span : undefined;
  }
}

/** Inserts a range in order. False if it overlaps a neighbour, or if the array is too long. */
function insert(ranges: Range[], start: number, end: number): boolean {
  const index = firstEndingAfter(ranges.length, (at) => (ranges[at] as Range)[1], start);
  const next = ranges[index];
  if (next === undefined) ranges.push([start, end]);
  else if (next[0] < end || ranges.length >= ORDERED) return false;
  else ranges.splice(index, 0, [start, end]);
  return true;
}

/** Index of the first range that ends after `start`. Most come in order: tries the end first. */
function firstEndingAfter(length: number, endAt: (index: number) => number, start: number): number {
  if (length === 0 || endAt(length - 1) <= start) return length;
  let [low, high] = [0, length - 1];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (endAt(middle) > start) high = middle;
    else low = middle + 1;
  }
  return low;
}

function merged(ranges: Range[]): Span[] {
  const spans: { start: number; end: number }[] = [];
  for (const [start, end] of ranges.sort(([a], [b]) => a - b)) {
    const last = spans.at(-1);
    if (last !== undefined && start < last.end) last.end = Math.max(last.end, end);
    else spans.push({ start, end });
  }
  return spans.map(({ start, end }) => ({ base: start - (start % ALIGNMENT), start, end, number: undefined }));
}
