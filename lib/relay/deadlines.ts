/** The longest time that setTimeout takes; what waits longer is looked at in between. */
const LONGEST_TIMER = 2 ** 31 - 1;
/** From so many ms on, a time may be over by {@link COARSE} ms before it is up: few timers then serve many. */
const LONG = 1_000;
const COARSE = 10;

interface Group<Item> {
  readonly items: Set<Item>;
  timer: NodeJS.Timeout | undefined;
}

/**
 * What is open, by when its time is up. Those whose times are up together share a timer, since one for each would take as much
 * memory as all else that an open await holds. While anything is here the process stays alive.
 */
export class Deadlines<Item> implements Iterable<Item> {
  readonly #due: (item: Item) => void;
  readonly #groups = new Map<number, Group<Item>>();

  /** `due` is called with each item whose time is up. It stays here until it is deleted. */
  constructor(due: (item: Item) => void) {
    this.#due = due;
  }

  get size(): number {
    let size = 0;
    for (const { items } of this.#groups.values()) size += items.size;
    return size;
  }

  *[Symbol.iterator](): Iterator<Item> {
    for (const { items } of this.#groups.values()) yield* items;
  }

  /** Adds an item whose time is up in so many ms, Infinity for never. Returns what {@link delete} wants to know. */
  add(item: Item, ms: number): number {
    const grain = ms < LONG ? 1 : COARSE;
    const time = Math.ceil((performance.now() + ms) / grain) * grain;
    let group = this.#groups.get(time);
    if (group === undefined) this.#groups.set(time, (group = { items: new Set(), timer: undefined }));
    group.items.add(item);
    if (group.timer === undefined) this.#arm(time, group);
    return time;
  }

  delete(item: Item, time: number): void {
    const group = this.#groups.get(time);
    if (group === undefined) return;
    group.items.delete(item);
    if (group.items.size > 0) return;
    clearTimeout(group.timer);
    this.#groups.delete(time);
  }

  #arm(time: number, group: Group<Item>): void {
    const ms = Math.min(time - performance.now(), LONGEST_TIMER);
    group.timer = setTimeout(() => this.#wake(time, group), ms);
  }

  /** A timer may also wake a little early. */
  #wake(time: number, group: Group<Item>): void {
    group.timer = undefined;
    if (performance.now() < time) return this.#arm(time, group);
    for (const item of group.items) this.#due(item);
  }
}
