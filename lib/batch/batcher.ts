import { setTimeout as sleep } from "node:timers/promises";
import { StoppedError } from "../errors.js";
import type { Telemetry } from "../telemetry.js";
import { isPassing, retryDelay } from "../postgres/failure.js";

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
  /** Whether a failure that passes may still be an item's own fault: then it is told apart like one that does not. */
  readonly suspicious?: (error: unknown) => boolean;
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
/** A batch with a faulty item is cut into so many pieces: each cut costs one failure, which may take long. */
const PIECES = 8;

interface Entry<Item, Result> {
  readonly item: Item;
  readonly weight: number;
  readonly urgent: boolean;
  readonly since: number;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

/** What is sent in one statement; `again` where it may have gone through before. */
interface Piece<Item, Result> {
  readonly entries: Entry<Item, Result>[];
  readonly again: boolean;
}

/**
 * Group commit: the first item leaves at once, and those that arrive while its batch is on the way leave together in the
 * next. So the busier it gets the more share one round trip and one flush to disk. Nothing waits for company but under load,
 * where fewer statements leave more of the machine to the work: with 100 awaits in flight on two cores it made a third more.
 *
 * A passing failure sends the same batch again. Any other failure cuts the batch up until the item that cannot succeed
 * stands alone and rejects: its neighbours do not suffer for it.
 */
export class Batcher<Item, Result> {
  readonly #options: BatcherOptions<Item, Result>;
  readonly #stopping = new AbortController();
  readonly #idle: (() => void)[] = [];
  /** Ends the pause before another try. */
  #retryPause = new AbortController();
  #waiting: Entry<Item, Result>[] = [];
  #flying = 0;
  #weight = 0;
  #scheduled = false;
  /** How many of those that wait are in a hurry. */
  #urgent = 0;
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
      const urgent = !(this.#options.leisurely?.(item) ?? false);
      this.#weight += weight;
      if (urgent) this.#urgent += 1;
      this.#waiting.push({ item, weight, urgent, since: performance.now(), resolve, reject });
      this.#schedule();
    });
  }

  /** The reason of the last failure may have passed: tries again now. */
  retryNow(): void {
    this.#retryPause.abort();
    this.#retryPause = new AbortController();
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
    this.retryNow();
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
    if (this.#urgent === 0) return (this.#waiting[0]?.since ?? 0) + LEISURE;
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
    this.#urgent = this.#waiting.reduce((count, { urgent }) => (urgent ? count + 1 : count), 0);
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

  /** Never rejects: every entry is resolved or rejected by its end. Pieces of a batch that failed come last. */
  async #deliver(batch: Entry<Item, Result>[]): Promise<void> {
    const pieces: Piece<Item, Result>[] = [{ entries: batch, again: false }];
    for (let piece = pieces.shift(); piece !== undefined; piece = pieces.shift())
      pieces.push(...(await this.#try(piece)));
  }

  /** Sends a piece until that succeeds, or a failure tells that an item is at fault. Returns what is still to be sent then. */
  async #try({ entries, again }: Piece<Item, Result>): Promise<Piece<Item, Result>[]> {
    const { flush, suspicious } = this.#options;
    for (let failures = 1; entries.length > 0; failures += 1) {
      try {
        const results = await flush(
          entries.map(({ item }) => item),
          again,
        );
        for (const [index, { resolve }] of entries.entries()) resolve(results[index] as Result);
        return [];
      } catch (error) {
        const passing = isPassing(error);
        again ||= passing;
        if (!passing) return this.#isolate({ entries, again }, error);
        if (suspicious?.(error) ?? false) {
          this.#report(entries, error, 0);
          return this.#isolate({ entries, again }, error);
        }
        entries = this.#stillPatient(entries, error);
        if (entries.length > 0) await this.#pause(entries, error, failures);
      }
    }
    return [];
  }

  #isolate({ entries, again }: Piece<Item, Result>, error: unknown): Piece<Item, Result>[] {
    if (entries.length === 1) {
      entries[0]?.reject(error);
      return [];
    }
    const size = Math.ceil(entries.length / PIECES);
    const starts = Array.from({ length: Math.ceil(entries.length / size) }, (_, at) => at * size);
    return starts.map((start) => ({ entries: entries.slice(start, start + size), again }));
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
    this.#report(batch, error, delay);
    // Cut short by retryNow(), and by stop(), after which the batch has its last try.
    if (!this.#stopping.signal.aborted)
      await sleep(delay, undefined, { signal: this.#retryPause.signal }).catch(() => {});
  }

  #report({ length }: Entry<Item, Result>[], error: unknown, delay: number): void {
    this.#options.telemetry.emit("batch:retry", { batch: this.#options.name, size: length, delay, error });
  }

  #settleIdle(): void {
    if (this.pending > 0) return;
    this.#draining = false;
    for (const resolve of this.#idle.splice(0)) resolve();
  }
}
