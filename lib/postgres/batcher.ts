import { setTimeout as sleep } from "node:timers/promises";
import { StoppedError } from "../errors.js";
import type { Telemetry } from "../telemetry.js";
import { isPassing, retryDelay } from "./failure.js";

export interface BatcherOptions<Item, Result> {
  /** For telemetry and errors: what the batches do. */
  readonly name: string;
  /**
   * Sends a batch; resolves to one result for each item, in order. `again` where an earlier try of it failed for a passing
   * reason: it may have gone through, and only its reply be lost.
   */
  readonly flush: (items: Item[], again: boolean) => Promise<Result[]>;
  /** No batch holds more items than this. */
  readonly limit: number;
  /** How heavy an item is, in bytes; a batch ends before it is over `maxWeight`. One item alone may be over it. */
  readonly weigh?: (item: Item) => number;
  readonly maxWeight?: number;
  /** How long, in ms, an item is tried again after passing failures before its push rejects. Infinity: until stopped. */
  readonly patience: number;
  /** Whether an item may wait up to {@link LEISURE} ms for company, as nobody waits for it. Default: none may. */
  readonly leisurely?: (item: Item) => boolean;
  readonly telemetry: Telemetry;
}

/** From so many items in a batch on there is load: the next gathers for as long as this one took, up to so many ms, or until it is so many times larger. */
const CROWD = 4;
const LONGEST_GATHER = 5;
const ENOUGH = 3;
/** ms */
const LEISURE = 40;

interface Entry<Item, Result> {
  readonly item: Item;
  readonly weight: number;
  readonly hurried: boolean;
  readonly since: number;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Group commit: the first item leaves at once, and those that arrive while its batch is on the way leave together in the
 * next. So the busier it gets the more share one round trip and one flush to disk. Nothing waits for company but under load,
 * where fewer statements leave more of the machine to the work: with 100 awaits in flight on two cores it made a third more.
 *
 * A passing failure sends the same batch again. Any other failure splits the batch until the item that cannot succeed
 * stands alone and rejects: its neighbours do not suffer for it.
 */
export class Batcher<Item, Result> {
  readonly #options: BatcherOptions<Item, Result>;
  readonly #stopping = new AbortController();
  readonly #idle: (() => void)[] = [];
  /** Ends the pause before another try. */
  #hurry = new AbortController();
  #waiting: Entry<Item, Result>[] = [];
  #flying = 0;
  #weight = 0;
  #scheduled = false;
  /** How many of those that wait are in a hurry. */
  #hurried = 0;
  /** When the next batch leaves, unless it is as large as `enough` before. */
  #gatherUntil = 0;
  #enough = 0;
  #timer: NodeJS.Timeout | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  #draining = false;

  constructor(options: BatcherOptions<Item, Result>) {
    this.#options = options;
  }

  /** Items that wait or are on their way. */
  get pending(): number {
    return this.#waiting.length + this.#flying;
  }

  /** How heavy these are together, in bytes. */
  get pendingWeight(): number {
    return this.#weight;
  }

  push(item: Item): Promise<Result> {
    if (this.#stopping.signal.aborted) return Promise.reject(new StoppedError(this.#options.name));
    return new Promise((resolve, reject) => {
      const weight = this.#options.weigh?.(item) ?? 0;
      const hurried = !(this.#options.leisurely?.(item) ?? false);
      this.#weight += weight;
      if (hurried) this.#hurried += 1;
      this.#waiting.push({ item, weight, hurried, since: performance.now(), resolve, reject });
      this.#schedule();
    });
  }

  /** The reason of the last failure may have passed: tries again now. */
  hurry(): void {
    this.#hurry.abort();
    this.#hurry = new AbortController();
  }

  /** Resolves when nothing waits and nothing is on its way. */
  async drain(): Promise<void> {
    if (this.pending === 0) return;
    this.#draining = true;
    this.#schedule();
    await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  /** Lets everything arrive, for `ms` at most; what has not by then is rejected, with whatever is pushed later. */
  async close(ms: number): Promise<void> {
    const done = new AbortController();
    await Promise.race([this.drain(), sleep(ms, undefined, { signal: done.signal }).catch(() => {})]);
    done.abort();
    this.stop();
  }

  /** Rejects what waits and ends retries; what is on its way is let arrive. */
  stop(): void {
    this.#stopping.abort();
    this.hurry();
    const waiting = this.#waiting;
    this.#waiting = [];
    clearTimeout(this.#timer);
    for (const { weight } of waiting) this.#weight -= weight;
    for (const { reject } of waiting) reject(new StoppedError(this.#options.name));
    this.#settleIdle();
  }

  /** By way of a microtask, so that what is pushed in one go leaves together. */
  #schedule(): void {
    if (this.#scheduled || this.#flying > 0) return;
    const due = this.#due();
    if (due > performance.now()) return this.#wakeAt(due);
    this.#wakeAt(Number.POSITIVE_INFINITY);
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      if (this.#flying === 0 && this.#waiting.length > 0) void this.#send();
    });
  }

  /** When the next batch is to leave: a time that has passed for at once. */
  #due(): number {
    const { length } = this.#waiting;
    if (this.#draining || length >= this.#options.limit) return 0;
    if (this.#hurried === 0) return (this.#waiting[0]?.since ?? 0) + LEISURE;
    return length >= this.#enough ? 0 : this.#gatherUntil;
  }

  #wakeAt(time: number): void {
    if (time === this.#timerAt) return;
    clearTimeout(this.#timer);
    this.#timerAt = time;
    if (time === Number.POSITIVE_INFINITY) return;
    const wake = (): void => {
      this.#timerAt = Number.POSITIVE_INFINITY;
      this.#gatherUntil = 0;
      this.#schedule();
    };
    this.#timer = setTimeout(wake, time - performance.now());
  }

  async #send(): Promise<void> {
    const batch = this.#take();
    this.#flying = batch.length;
    this.#hurried = this.#waiting.reduce((count, { hurried }) => (hurried ? count + 1 : count), 0);
    const start = performance.now();
    await this.#deliver(batch);
    const now = performance.now();
    this.#flying = 0;
    for (const { weight } of batch) this.#weight -= weight;
    this.#gatherUntil = batch.length < CROWD ? 0 : now + Math.min(now - start, LONGEST_GATHER);
    this.#enough = ENOUGH * batch.length;
    if (this.#waiting.length > 0) this.#schedule();
    else this.#settleIdle();
  }

  #take(): Entry<Item, Result>[] {
    const { limit, maxWeight = Number.POSITIVE_INFINITY } = this.#options;
    let count = 0;
    for (let weight = 0; count < Math.min(limit, this.#waiting.length); count += 1) {
      weight += this.#waiting[count]?.weight ?? 0;
      if (count > 0 && weight > maxWeight) break;
    }
    if (count === this.#waiting.length) {
      const all = this.#waiting;
      this.#waiting = [];
      return all;
    }
    return this.#waiting.splice(0, count);
  }

  /** Never rejects: every entry is resolved or rejected by its end. */
  async #deliver(batch: Entry<Item, Result>[], again = false): Promise<void> {
    for (let failures = 1; batch.length > 0; failures += 1) {
      try {
        const results = await this.#options.flush(
          batch.map(({ item }) => item),
          again,
        );
        for (const [index, { resolve }] of batch.entries()) resolve(results[index] as Result);
        return;
      } catch (error) {
        if (!isPassing(error)) return this.#isolate(batch, error, again);
        again = true;
        batch = this.#stillPatient(batch, error);
        if (batch.length > 0) await this.#pause(batch, error, failures);
      }
    }
  }

  async #isolate(batch: Entry<Item, Result>[], error: unknown, again: boolean): Promise<void> {
    if (batch.length === 1) {
      batch[0]?.reject(error);
      return;
    }
    const middle = Math.ceil(batch.length / 2);
    await this.#deliver(batch.slice(0, middle), again);
    await this.#deliver(batch.slice(middle), again);
  }

  #stillPatient(batch: Entry<Item, Result>[], error: unknown): Entry<Item, Result>[] {
    const { aborted } = this.#stopping.signal;
    const earliest = performance.now() - this.#options.patience;
    return batch.filter(({ since, reject }) => {
      const patient = since > earliest && !aborted;
      if (!patient) reject(error);
      return patient;
    });
  }

  async #pause(batch: Entry<Item, Result>[], error: unknown, failures: number): Promise<void> {
    const delay = retryDelay(failures);
    this.#options.telemetry.emit("batch:retry", { batch: this.#options.name, size: batch.length, delay, error });
    // Cut short by hurry(), and by stop(), after which the batch has its last try.
    if (!this.#stopping.signal.aborted) await sleep(delay, undefined, { signal: this.#hurry.signal }).catch(() => {});
  }

  #settleIdle(): void {
    if (this.pending > 0) return;
    this.#draining = false;
    for (const resolve of this.#idle.splice(0)) resolve();
  }
}
