/**
 * Decides when to look up awaited refs in the table, in case a notification never comes. Pure:
 * callers pass the time, in ms of any monotonic clock.
 */

/** The wait between two lookups of a ref. */
interface Step {
  /** The longest wait, in ms. */
  readonly ms: number;
  /**
   * Lookups fall on multiples of this many ms, so that refs of about the same age share
   * one. Never more than `ms`.
   */
  readonly grain: number;
}

/** How often a ref is looked up, and how long the database rests between lookups. */
export interface Schedule {
  /** The waits before a ref's first, second, ... lookup. The last one repeats. */
  readonly steps: readonly Step[];
  /** The rest after a lookup, as a multiple of its duration. */
  readonly rest: number;
  /** The shortest rest, in ms. */
  readonly leastRest: number;
  /** The longest rest, in ms. */
  readonly mostRest: number;
}

/**
 * While notifications arrive: the first lookup after 1 to 1.5 s, the second 2 to 3 s later, then
 * one every 5 s for all refs that have waited that long.
 */
export const NOTIFYING: Schedule = {
  steps: [
    { ms: 1_500, grain: 500 },
    { ms: 3_000, grain: 1_000 },
    { ms: 5_000, grain: 5_000 },
  ],
  rest: 10,
  leastRest: 100,
  mostRest: 1_000,
};

/** While notifications do not arrive: only lookups find answers. */
export const POLLING: Schedule = {
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

/** One statement that looked up refs. */
interface Lookup {
  readonly refs: number;
  /** Refs with a new answer. */
  readonly found: number;
  /** Its duration. */
  readonly ms: number;
}

/**
 * ms to rest after a lookup. No rest after one that found new answers for a tenth of its refs: more
 * are probably waiting to be found.
 */
export function restAfter(schedule: Schedule, { refs, found, ms }: Lookup): number {
  if (found * 10 >= refs) return 0;
  return Math.min(schedule.mostRest, Math.max(schedule.leastRest, schedule.rest * ms));
}

/**
 * An item to look up. Only {@link Lookups} sets these fields; a Map of them
 * would cost 50 bytes an item.
 */
export interface LookupItem {
  /** The time of its next lookup, in whole ms. */
  due: number;
  /** The step of the schedule that ends then; -1 for a lookup out of turn. */
  step: number;
}

/** Items that are due at the same time, after the same step. */
interface Bucket<Item> {
  readonly due: number;
  readonly step: number;
  /** Buckets with the lowest rank go first. A delay weighs less after a long step. */
  readonly rank: number;
  readonly items: Set<Item>;
}

/**
 * An overdue item precedes one that is due now only if it is late by this many of its steps.
 * Otherwise new items would wait behind 100,000 old ones.
 */
const LENIENCE = 4;
/** Factor in a bucket's key. Larger than the number of steps in a schedule. */
const STEPS = 16;

/** The awaited items, each scheduled by its own age. */
export class Lookups<Item extends LookupItem> {
  /**
   * By {@link keyOf}. There are few, since a step spans few multiples of its grain. Empty
   * ones stay until they are due.
   */
  #buckets = new Map<number, Bucket<Item>>();
  /** The bucket used last, which most items enter and leave. */
  #recent: Bucket<Item> | undefined;
  #schedule: Schedule;
  /** Items in all buckets. */
  #size = 0;

  constructor(schedule: Schedule) {
    this.#schedule = schedule;
  }

  get size(): number {
    return this.#size;
  }

  get schedule(): Schedule {
    return this.#schedule;
  }

  /** When the next lookup is due; Infinity for never. */
  get next(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const { due, items } of this.#buckets.values()) if (items.size > 0 && due < next) next = due;
    return next;
  }

  /** Adds an item that is awaited from `now` on. */
  add(item: Item, now: number): void {
    this.#size += 1;
    this.#put(item, 0, now);
  }

  /** Removes an item that was added. */
  delete(item: Item): void {
    if (this.#bucket(item.due, item.step).items.delete(item)) this.#size -= 1;
  }

  /** Returns up to `limit` due items, by rank, and schedules their next lookups. */
  takeDue(now: number, limit: number): Item[] {
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
    for (const item of taken) this.#put(item, Math.min(item.step + 1, this.#schedule.steps.length - 1), now);
    return taken;
  }

  /** Makes every item due now, in the order of rank, and changes the schedule. */
  restart(schedule: Schedule, now: number): void {
    const buckets = [...this.#buckets.values()].sort((a, b) => a.rank - b.rank);
    const items = buckets.flatMap((bucket) => [...bucket.items]);
    this.#schedule = schedule;
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
    const { ms, grain } = this.#schedule.steps[step] as Step;
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
      bucket = { due, step, rank: due + LENIENCE * (this.#schedule.steps[step]?.ms ?? 0), items: new Set() };
      this.#buckets.set(key, bucket);
    }
    this.#recent = bucket;
    return bucket;
  }
}

function keyOf(due: number, step: number): number {
  return due * STEPS + step + 1;
}
