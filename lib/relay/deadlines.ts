/** The longest delay that `setTimeout` takes, in ms. Later deadlines are checked in between. */
const LONGEST_TIMER = 2 ** 31 - 1;
/**
 * Deadlines at least this many ms away are rounded up to a multiple of {@link COARSE}
 * ms, so that they share timers.
 */
const LONG = 1_000;
const COARSE = 10;

/** Items with the same deadline. Never empty. */
interface Group<Item> {
  readonly items: Set<Item>;
  /** Undefined once it has fired. */
  timer: NodeJS.Timeout | undefined;
}

/**
 * Items by deadline. Items with the same deadline share a timer: one timer for each open await
 * would take as much memory as the rest of the await. The timers keep the process alive.
 */
export class Deadlines<Item> implements Iterable<Item> {
  readonly #onDue: (item: Item) => void;
  /** By deadline, in ms of `performance.now()`. */
  readonly #groups = new Map<number, Group<Item>>();

  /** @param onDue called with each item at its deadline. The item stays until it is deleted. */
  constructor(onDue: (item: Item) => void) {
    this.#onDue = onDue;
  }

  get size(): number {
    let size = 0;
    for (const { items } of this.#groups.values()) size += items.size;
    return size;
  }

  *[Symbol.iterator](): Iterator<Item> {
    for (const { items } of this.#groups.values()) yield* items;
  }

  /**
   * Adds an item that is due in `ms`, Infinity for never. Returns its deadline,
   * which {@link delete} needs.
   */
  add(item: Item, ms: number): number {
    const grain = ms < LONG ? 1 : COARSE;
    const deadline = Math.ceil((performance.now() + ms) / grain) * grain;
    let group = this.#groups.get(deadline);
    if (group === undefined) this.#groups.set(deadline, (group = { items: new Set(), timer: undefined }));
    group.items.add(item);
    if (group.timer === undefined) this.#arm(deadline, group);
    return deadline;
  }

  delete(item: Item, deadline: number): void {
    const group = this.#groups.get(deadline);
    if (group === undefined) return;
    group.items.delete(item);
    if (group.items.size > 0) return;
    clearTimeout(group.timer);
    this.#groups.delete(deadline);
  }

  #arm(deadline: number, group: Group<Item>): void {
    const ms = Math.min(Math.max(0, deadline - performance.now()), LONGEST_TIMER);
    group.timer = setTimeout(() => this.#wake(deadline, group), ms);
  }

  /** Timers may fire a little early. */
  #wake(deadline: number, group: Group<Item>): void {
    group.timer = undefined;
    if (performance.now() < deadline) return this.#arm(deadline, group);
    for (const item of group.items) this.#onDue(item);
  }
}
