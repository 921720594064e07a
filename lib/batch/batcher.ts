import { setTimeout as sleep } from "node:timers/promises";
import { retryDelay } from "../backoff.js";
import { within } from "../deadline.js";
import { StoppedError } from "../errors.js";
import type { Telemetry } from "../telemetry.js";
import { Pace } from "./pace.js";

export interface BatcherOptions<Item, Result> {
  /** What the batches do, as telemetry and errors name it. */
  readonly name: string;
  /**
   * Sends a batch and returns one result for each item, in order. `again` is true after a passing
   * failure: the earlier try may have succeeded, with only its reply lost.
   */
  readonly flush: (items: Item[], attempt: { readonly again: boolean }) => Promise<Result[]>;
  /** Most items of a batch. */
  readonly limit: number;
  /** An item's weight in bytes. @default 0 */
  readonly weigh?: (item: Item) => number;
  /** Most bytes of a batch; a heavier item travels alone. @default Infinity */
  readonly maxWeight?: number;
  /**
   * How long an item is retried after passing failures before its push rejects, in ms. With
   * Infinity it is retried until the batcher stops.
   */
  readonly patience: number;
  /** Whether the same batch may succeed later. All other failures are blamed on single items. */
  readonly isPassing: (error: unknown) => boolean;
  /**
   * Whether a passing failure may be one item's fault, so that the batch is split. @default never
   */
  readonly suspicious?: (error: unknown) => boolean;
  /** Whether an item is urgent: its result is awaited. Others wait for company. @default always */
  readonly isUrgent?: (item: Item) => boolean;
  readonly telemetry: Telemetry;
}

/**
 * A failed batch is split into this many pieces. Each split costs one failure, which may be slow.
 */
const PIECES = 8;

interface Entry<Item, Result> {
  readonly item: Item;
  readonly weight: number;
  readonly urgent: boolean;
  readonly since: number;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

/** The entries of one statement; `again` if it may have succeeded before. */
interface Piece<Item, Result> {
  readonly entries: Entry<Item, Result>[];
  readonly again: boolean;
}

/**
 * Group commit: items that arrive while a batch is on its way leave together in the next. The
 * busier it gets, the more items share one round trip and one flush to disk. {@link Pace} decides
 * when the next batch leaves.
 *
 * After a passing failure the same batch is sent again. Any other failure splits the batch until
 * the item at fault stands alone and rejects; its neighbours succeed.
 */
export class Batcher<Item, Result> {
  readonly #options: BatcherOptions<Item, Result>;
  readonly #pace: Pace;
  readonly #stopping = new AbortController();
  /** Resolve the pending calls of {@link drain}. */
  readonly #idle: (() => void)[] = [];
  /** Aborted to cut the pause before a retry short. */
  #retryPause = new AbortController();
  #waiting: Entry<Item, Result>[] = [];
  /** Items of the batch under way. Only one batch is under way at a time. */
  #flying = 0;
  /** Bytes of all pending items. */
  #weight = 0;
  /** How many of the waiting items are urgent. */
  #urgent = 0;
  /** Whether a microtask is about to send. */
  #scheduled = false;
  #timer: NodeJS.Timeout | undefined;
  /** When the timer fires; Infinity while none is set. */
  #timerAt = Number.POSITIVE_INFINITY;
  /** While it drains, no batch waits for company. */
  #draining = false;

  constructor(options: BatcherOptions<Item, Result>) {
    this.#options = options;
    this.#pace = new Pace(options.limit);
  }

  /** Items that wait or are on their way. */
  get pending(): number {
    return this.#waiting.length + this.#flying;
  }

  /** The weight of the pending items, in bytes. */
  get pendingWeight(): number {
    return this.#weight;
  }

  push(item: Item): Promise<Result> {
    if (this.#stopping.signal.aborted) return Promise.reject(new StoppedError(this.#options.name));
    return new Promise((resolve, reject) => {
      const weight = this.#options.weigh?.(item) ?? 0;
      const urgent = this.#options.isUrgent?.(item) ?? true;
      this.#weight += weight;
      if (urgent) this.#urgent += 1;
      this.#waiting.push({ item, weight, urgent, since: performance.now(), resolve, reject });
      this.#schedule();
    });
  }

  /** Cuts the pause before a retry short. */
  retryNow(): void {
    this.#retryPause.abort();
    this.#retryPause = new AbortController();
  }

  /** Resolves once nothing is pending. */
  async drain(): Promise<void> {
    if (this.pending === 0) return;
    this.#draining = true;
    this.#schedule();
    await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  /** Drains for at most `ms`, then stops: items still waiting, or pushed later, reject. */
  async close(ms: number): Promise<void> {
    await within(this.drain(), ms);
    this.stop();
  }

  /** Rejects the waiting items and ends retries. The try under way may still succeed. */
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

  /** Sends in a microtask, so that items pushed together leave together. */
  #schedule(): void {
    if (this.#scheduled || this.#flying > 0) return;
    const due = this.#draining ? 0 : this.#due();
    if (due > performance.now()) return this.#wakeAt(due);
    this.#wakeAt(Number.POSITIVE_INFINITY);
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      if (this.#flying === 0 && this.#waiting.length > 0) void this.#send();
    });
  }

  #due(): number {
    return this.#pace.due(this.#waiting.length, this.#urgent, this.#waiting[0]?.since ?? 0);
  }

  #wakeAt(time: number): void {
    if (time === this.#timerAt) return;
    clearTimeout(this.#timer);
    this.#timerAt = time;
    if (time === Number.POSITIVE_INFINITY) return;
    const wake = (): void => {
      this.#timerAt = Number.POSITIVE_INFINITY;
      this.#pace.stopGathering();
      this.#schedule();
    };
    this.#timer = setTimeout(wake, Math.max(0, time - performance.now()));
  }

  async #send(): Promise<void> {
    const batch = this.#nextBatch();
    this.#flying = batch.length;
    this.#urgent = this.#waiting.reduce((count, { urgent }) => (urgent ? count + 1 : count), 0);
    const sentAt = performance.now();
    await this.#deliver(batch);
    this.#pace.returned(batch.length, sentAt, performance.now());
    this.#flying = 0;
    for (const { weight } of batch) this.#weight -= weight;
    if (this.#waiting.length > 0) this.#schedule();
    else this.#settleIdle();
  }

  /** Takes the oldest items from the queue, as many as one batch holds. */
  #nextBatch(): Entry<Item, Result>[] {
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

  /** Settles every entry of the batch; never rejects. The pieces of a split batch go last. */
  async #deliver(batch: Entry<Item, Result>[]): Promise<void> {
    const pieces: Piece<Item, Result>[] = [{ entries: batch, again: false }];
    for (let piece = pieces.shift(); piece !== undefined; piece = pieces.shift())
      pieces.push(...(await this.#try(piece)));
  }

  /**
   * Sends a piece until it succeeds or a failure shows that one of its items is at fault. Returns
   * the smaller pieces that are then still to be sent.
   */
  async #try({ entries, again }: Piece<Item, Result>): Promise<Piece<Item, Result>[]> {
    const { flush, isPassing, suspicious } = this.#options;
    for (let failures = 1; entries.length > 0; failures += 1) {
      try {
        const items = entries.map(({ item }) => item);
        const results = await flush(items, { again });
        for (const [index, { resolve }] of entries.entries()) resolve(results[index] as Result);
        return [];
      } catch (error) {
        const passing = isPassing(error);
        again ||= passing;
        if (!passing) return this.#split({ entries, again }, error);
        if (suspicious?.(error) ?? false) {
          this.#report(entries, error, 0);
          return this.#split({ entries, again }, error);
        }
        entries = this.#stillPatient(entries, error);
        if (entries.length > 0) await this.#pause(entries, error, failures);
      }
    }
    return [];
  }

  /** Rejects an entry that stands alone; cuts several into smaller pieces. */
  #split({ entries, again }: Piece<Item, Result>, error: unknown): Piece<Item, Result>[] {
    if (entries.length === 1) {
      entries[0]?.reject(error);
      return [];
    }
    const size = Math.ceil(entries.length / PIECES);
    const starts = Array.from({ length: Math.ceil(entries.length / size) }, (_, at) => at * size);
    return starts.map((start) => ({ entries: entries.slice(start, start + size), again }));
  }

  /** Returns the entries to retry; the others reject. */
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
    // Both retryNow() and stop() cut the pause short; after stop() the batch has its last try.
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
