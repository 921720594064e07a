/** From the first byte to the one after the last. */
type Range = readonly [start: number, end: number];

/** A part of a buffer that is written once, whichever view of it comes first. */
export interface Span {
  /** Where its copy begins: a multiple of 8, so that the elements of every view stay aligned. */
  readonly base: number;
  readonly start: number;
  readonly end: number;
  /** The number of its copy on the wire; undefined until the copy is written. */
  number: number | undefined;
}

/** Bytes of the widest element of a typed array. */
const ALIGNMENT = 8;
/** Longest row of ranges that takes one in its midst: a splice in a longer row is too slow. */
const ORDERED = 1_024;

/**
 * The bytes of larger buffers that a value shows through its views. Only these bytes are sent. The
 * bytes around them may be secrets, since Node.js cuts small Buffers from a pool, or megabytes,
 * since WebAssembly hands out views of its whole memory. Views that overlap keep sharing memory.
 *
 * The writer adds each range as it meets it. If ranges overlap, it writes the value `again`, and
 * then finds the spans that hold them.
 */
export class Spans {
  readonly #ranges = new Map<ArrayBufferLike, Range[]>();
  #spans: ReadonlyMap<ArrayBufferLike, readonly Span[]> | undefined;
  #overlapping = false;

  /** Whether ranges may overlap, so that the value must be written again. */
  get overlapping(): boolean {
    return this.#overlapping;
  }

  /** Whether a range of this buffer was added. */
  has(buffer: ArrayBufferLike): boolean {
    return this.#ranges.has(buffer);
  }

  /** Adds a range. False if it overlaps another one: this pass need not write its bytes. */
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

  /** Ends the first pass: merges the ranges into the spans that `find` returns from now on. */
  merge(): void {
    this.#spans = new Map([...this.#ranges].map(([buffer, ranges]) => [buffer, merged(ranges)]));
    this.#overlapping = false;
  }

  /** The span that holds a range; undefined before `merge`, and for a range that was not added. */
  find(buffer: ArrayBufferLike, start: number, end: number): Span | undefined {
    const spans = this.#spans?.get(buffer);
    if (spans === undefined) return undefined;
    const span = spans[firstEndingAfter(spans.length, (index) => (spans[index] as Span).end, start)];
    return span !== undefined && span.start <= start && end <= span.end ? span : undefined;
  }
}

/** Inserts a range in order. False if it overlaps a neighbour, or if the row is too long. */
function insert(ranges: Range[], start: number, end: number): boolean {
  const index = firstEndingAfter(ranges.length, (at) => (ranges[at] as Range)[1], start);
  const next = ranges[index];
  if (next === undefined) ranges.push([start, end]);
  else if (next[0] < end || ranges.length >= ORDERED) return false;
  else ranges.splice(index, 0, [start, end]);
  return true;
}

/** Index of the first range that ends after `start`. Tries the end first: most ranges come in order. */
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
