/**
 * When to look up what is awaited, for the notification that never came. Pure: the caller passes the time, in whole or broken
 * ms of any one clock.
 */

/** One wait between two looks at the same ref. */
interface Step {
  /** The longest wait, in ms. */
  readonly ms: number;
  /** Looks fall on multiples of this many ms, so that refs of about the same age share one. At most `ms`. */
  readonly grain: number;
}

/** How often a ref is looked up, and how much of the database's time all looks may take. */
export interface Pace {
  /** The waits before a ref's first, second, ... look. The last one repeats. */
  readonly steps: readonly Step[];
  /** After a look, no other begins for this many times as long as that look took... */
  readonly rest: number;
  /** ...but for this many ms at least, and at most. */
  readonly leastRest: number;
  readonly mostRest: number;
}

/**
 * While notifications arrive: the first look after 1 to 1.5 s. A ref that waits on is looked up again when it has waited up
 * to three times as long, and then every 5 s, all such refs together.
 */
export const NOTIFYING: Pace = {
  steps: [
    { ms: 1_500, grain: 500 },
    { ms: 3_000, grain: 1_000 },
    { ms: 5_000, grain: 5_000 },
  ],
  rest: 10,
  leastRest: 100,
  mostRest: 1_000,
};

/** While notifications do not arrive: looks are all there is. */
export const POLLING: Pace = {
  steps: [
    { ms: 20, grain: 10 },
    { ms: 30, grain: 10 },
    { ms: 50, grain: 10 },
    { ms: 80, grain: 20 },
    { ms: 120, grain: 40 },
    { ms: 180, grain: 60 },
    { ms: 250, grain: 250 },
  ],
  rest: 3,
  leastRest: 10,
  mostRest: 250,
};

/** ms to leave between a look and the next. None while looks find results: somebody waits for the others, too. */
export function restAfter(
  pace: Pace,
  look: { readonly refs: number; readonly found: number; readonly ms: number },
): number {
  if (look.found * 10 >= look.refs) return 0;
  return Math.min(pace.mostRest, Math.max(pace.leastRest, pace.rest * look.ms));
}

/** What is awaited. Both fields belong to {@link Lookups}; they are here because a Map of them costs 50 bytes an item. */
export interface Awaited {
  /** When to look it up, in whole ms. */
  due: number;
  /** Which step of the pace that ends; -1 for a look out of turn. */
  step: number;
}

/** What is due at the same time, after the same step. */
interface Bucket<Item> {
  readonly due: number;
  readonly step: number;
  /** Where not all can be taken, the lowest goes first: being late weighs less after a long step. */
  readonly rank: number;
  readonly items: Set<Item>;
}

/** Steps by which an item may be late before it goes before one that is due now: new items do not wait behind 100,000 old ones. */
const LENIENCE = 4;
/** A bucket's key has the step in its last digit. */
const STEPS = 16;

/** All that is awaited, each by its own age. */
export class Lookups<Item extends Awaited> {
  /** Few: a pace has few steps, and a step few multiples of its grain. Empty ones stay until they are due. */
  #buckets = new Map<number, Bucket<Item>>();
  /** The one used last: most items come and go within its time. */
  #recent: Bucket<Item> | undefined;
  #pace: Pace;
  #size = 0;

  constructor(pace: Pace) {
    this.#pace = pace;
  }

  get size(): number {
    return this.#size;
  }

  get pace(): Pace {
    return this.#pace;
  }

  /** When the next look is due; Infinity for never. */
  get next(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const { due, items } of this.#buckets.values()) if (items.size > 0 && due < next) next = due;
    return next;
  }

  /** Adds an item that is awaited from now on. */
  add(item: Item, now: number): void {
    this.#size += 1;
    this.#put(item, 0, now);
  }

  /** Removes an item that was added. */
  delete(item: Item): void {
    if (this.#bucket(item.due, item.step).items.delete(item)) this.#size -= 1;
  }

  /** Up to `limit` items that are due, those first that are late by most of their step. Their next looks are set. */
  take(now: number, limit: number): Item[] {
    const taken: Item[] = [];
    this.#recent = undefined;
    for (const [key, { due, items }] of this.#buckets) if (items.size === 0 && due <= now) this.#buckets.delete(key);
    while (taken.length < limit) {
      const bucket = this.#first(now);
      if (bucket === undefined) break;
      for (const item of bucket.items) {
        if (taken.length === limit) break;
        bucket.items.delete(item);
        taken.push(item);
      }
    }
    for (const item of taken) this.#put(item, Math.min(item.step + 1, this.#pace.steps.length - 1), now);
    return taken;
  }

  /** Makes everything due at once, in the order in which it was due, and sets the pace from then on. */
  restart(pace: Pace, now: number): void {
    const buckets = [...this.#buckets.values()].sort((a, b) => a.rank - b.rank);
    const items = buckets.flatMap((bucket) => [...bucket.items]);
    this.#pace = pace;
    this.#buckets = new Map();
    this.#recent = undefined;
    for (const item of items) this.#place(item, -1, Math.floor(now));
  }

  #first(now: number): Bucket<Item> | undefined {
    let first: Bucket<Item> | undefined;
    for (const bucket of this.#buckets.values()) {
      if (bucket.items.size > 0 && bucket.due <= now && bucket.rank < (first?.rank ?? Number.POSITIVE_INFINITY)) {
        first = bucket;
      }
    }
    return first;
  }

  #put(item: Item, step: number, now: number): void {
    const { ms, grain } = this.#pace.steps[step] as Step;
    this.#place(item, step, Math.floor((now + ms) / grain) * grain);
  }

  #place(item: Item, step: number, due: number): void {
    item.due = due;
    item.step = step;
    this.#bucket(due, step).items.add(item);
  }

  #bucket(due: number, step: number): Bucket<Item> {
    if (this.#recent?.due === due && this.#recent.step === step) return this.#recent;
    const key = keyOf(due, step);
    let bucket = this.#buckets.get(key);
    if (bucket === undefined) {
      bucket = { due, step, rank: due + LENIENCE * (this.#pace.steps[step]?.ms ?? 0), items: new Set() };
      this.#buckets.set(key, bucket);
    }
    this.#recent = bucket;
    return bucket;
  }
}

function keyOf(due: number, step: number): number {
  return due * STEPS + step + 1;
}
