import { setTimeout as sleep } from "node:timers/promises";
import type { Answer, StoredAnswer } from "../job/answer.js";
import { retryDelay } from "../backoff.js";
import { isPassing } from "../postgres/failure.js";
import type { Telemetry } from "../telemetry.js";
import type { Via } from "./mailbox.js";

/** Who wants to know what the row of a ref says. */
export interface Asker {
  /**
   * The row was read and its answer delivered: null where there is none, undefined where the database refuses to read it.
   * `more`: its answer is large, and follows. `news`: it had not been known.
   */
  onRow(ref: string, row: StoredAnswer | null | undefined, more: boolean, news: boolean): void;
  /** The large answer was delivered, or cannot be read. */
  onLarge?(ref: string): void;
}

/** What is known before the row is read. */
export interface Occasion {
  /** By which way its answer counts as found. */
  readonly via: Via;
  /** Bytes that its answer is known to have. */
  readonly size?: number;
  /** What a notification has said, and the row is to confirm. */
  readonly hearsay?: Answer | undefined;
}

/** What is to be looked up, and for whom. */
export interface Ask {
  readonly occasion: Occasion;
  readonly askers: Set<Asker>;
}

export interface AsksOptions {
  /** For telemetry: what is read. */
  readonly name: string;
  /** No statement asks for more refs than this. */
  readonly limit: number;
  /** A statement asks for no more bytes than this, unless it is one answer alone. */
  readonly maxSize?: number;
  /** Reads rows; refs without one are absent. Calls `progress` where something arrives before the end. */
  readonly read: (refs: readonly string[], progress: () => void) => Promise<readonly StoredAnswer[]>;
  /** Called once for each ref: with its row, null where there is none, undefined where the database refuses to read it. */
  readonly onRow: (ref: string, row: StoredAnswer | null | undefined, ask: Ask) => void;
  /** Whether an ask joins one for the same ref that is on its way. Otherwise it may want to know what happened since. */
  readonly joins?: boolean;
  readonly telemetry: Telemetry;
}

/**
 * Reads rows by their refs, in the order in which they are asked for, one statement at a time, each ref once however many
 * ask. What is asked while a statement is on its way shares the next. Passing failures are tried again without end; who
 * cannot wait lets go. What was let go is not kept: nothing piles up while the database is away.
 */
export class Asks {
  readonly #options: AsksOptions;
  readonly #waiting = new Map<string, Ask>();
  /** What the statement under way asks for. */
  readonly #flying = new Map<string, Ask>();
  /** Ends the pause before another try. */
  #retryPause = new AbortController();
  #running = false;
  #stopped = false;
  #answeredAt = Number.NEGATIVE_INFINITY;

  constructor(options: AsksOptions) {
    this.#options = options;
  }

  /** Refs that wait to be read or are being read. */
  get pending(): number {
    return this.#waiting.size + this.#flying.size;
  }

  /** When the database answered last, or sent a part of an answer, by `performance.now()`. */
  get answeredAt(): number {
    return this.#answeredAt;
  }

  /** False where the ref is being asked for already, so that its answer is no news to whoever asks now. */
  ask(ref: string, occasion: Occasion, askers: Iterable<Asker> = []): boolean {
    const flying = this.#options.joins === true ? this.#flying.get(ref) : undefined;
    const known = flying ?? this.#waiting.get(ref);
    if (known === undefined) this.#waiting.set(ref, { occasion, askers: new Set(askers) });
    else for (const asker of askers) known.askers.add(asker);
    if (!this.#running && !this.#stopped) this.#start();
    return known === undefined;
  }

  /** Whether a row is still to confirm what a notification has said. */
  doubts(ref: string): boolean {
    return (
      this.pending > 0 &&
      (this.#waiting.get(ref)?.occasion.hearsay ?? this.#flying.get(ref)?.occasion.hearsay) !== undefined
    );
  }

  /** This asker has no use for the answer any more. */
  withdraw(ref: string, asker: Asker): void {
    this.#waiting.get(ref)?.askers.delete(asker);
    this.#flying.get(ref)?.askers.delete(asker);
  }

  /** Nobody has a use for the answer. Whoever asked and has not withdrawn is called without one. */
  drop(ref: string): void {
    for (const asks of [this.#waiting, this.#flying]) {
      const ask = asks.get(ref);
      asks.delete(ref);
      if (ask !== undefined) for (const asker of ask.askers) asker.onRow(ref, undefined, false, false);
    }
  }

  /** Drops all that is not wanted, where more is pending than can be. */
  compact(most: number, wanted: (ref: string) => boolean): void {
    if (this.pending <= most) return;
    for (const ref of [...this.#waiting.keys(), ...this.#flying.keys()]) if (!wanted(ref)) this.drop(ref);
  }

  /** The reason of the last failure may have passed: tries again now. */
  retryNow(): void {
    this.#retryPause.abort();
    this.#retryPause = new AbortController();
  }

  /** Nobody is called any more. */
  stop(): void {
    this.#stopped = true;
    this.#waiting.clear();
    this.#flying.clear();
    this.retryNow();
  }

  /** By way of a microtask, so that what is asked for in one go leaves together. */
  #start(): void {
    this.#running = true;
    queueMicrotask(() => void this.#run());
  }

  async #run(): Promise<void> {
    while (this.#waiting.size > 0) {
      this.#take();
      await this.#read([...this.#flying.keys()]);
      this.#flying.clear();
    }
    this.#running = false;
  }

  #take(): void {
    const { limit, maxSize = Number.POSITIVE_INFINITY } = this.#options;
    let size = 0;
    for (const [ref, ask] of this.#waiting) {
      size += ask.occasion.size ?? 0;
      if (this.#flying.size === limit || (this.#flying.size > 0 && size > maxSize)) return;
      this.#waiting.delete(ref);
      this.#flying.set(ref, ask);
    }
  }

  /** Never rejects. */
  async #read(refs: readonly string[]): Promise<void> {
    for (let failures = 1; refs.length > 0; failures += 1) {
      try {
        const rows = await this.#options.read(refs, () => this.#progress());
        this.#progress();
        return this.#answer(refs, rows);
      } catch (error) {
        if (this.#stopped) return;
        if (!isPassing(error)) return this.#isolate(refs, error);
        await this.#pause(refs.length, error, failures);
        refs = refs.filter((ref) => this.#flying.has(ref));
      }
    }
  }

  /** Splits what is refused until the ref that cannot be read stands alone. */
  async #isolate(refs: readonly string[], error: unknown): Promise<void> {
    const [ref] = refs;
    if (refs.length === 1 && ref !== undefined) {
      this.#options.telemetry.emit("service:error", { service: "reconciler", error });
      return this.#tell(ref, undefined);
    }
    const middle = Math.ceil(refs.length / 2);
    await this.#read(refs.slice(0, middle));
    await this.#read(refs.slice(middle));
  }

  async #pause(size: number, error: unknown, failures: number): Promise<void> {
    const delay = retryDelay(failures);
    this.#options.telemetry.emit("batch:retry", { batch: this.#options.name, size, delay, error });
    await sleep(delay, undefined, { signal: this.#retryPause.signal }).catch(() => {});
  }

  #progress(): void {
    this.#answeredAt = performance.now();
  }

  #answer(refs: readonly string[], rows: readonly StoredAnswer[]): void {
    const found = new Map(rows.map((row) => [row.ref, row]));
    for (const ref of refs) this.#tell(ref, found.get(ref) ?? null);
  }

  #tell(ref: string, row: StoredAnswer | null | undefined): void {
    const ask = this.#flying.get(ref);
    if (ask === undefined) return;
    this.#flying.delete(ref);
    this.#options.onRow(ref, row, ask);
  }
}
