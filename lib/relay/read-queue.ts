import { setTimeout as sleep } from "node:timers/promises";
import type { Answer, StoredAnswer } from "../job/answer.js";
import { retryDelay } from "../backoff.js";
import { isPassing } from "../postgres/failure.js";
import type { Telemetry } from "../telemetry.js";
import type { Via } from "./mailbox.js";

/**
 * What the read of a row found. A large answer follows in a read of its own,
 * which may be pending already.
 */
export type Finding = "new answer" | "nothing new" | "large answer" | "pending large answer";

/** Called back when rows have been read. */
export interface RowListener {
  /**
   * The row has been read, and its answer delivered if it is new.
   *
   * @param row null if there is none; undefined if it was not read, because the database
   * refused, or the ref was dropped.
   */
  onRow(ref: string, row: StoredAnswer | null | undefined, finding: Finding): void;
  /** The large answer has been delivered, or cannot be read. */
  onLarge?(ref: string): void;
}

/** Why a row is read, and what is already known of its answer. */
export interface ReadRequest {
  /** The `via` of the delivery. */
  readonly via: Via;
  /** Bytes of the answer, if known. */
  readonly size?: number;
  /** The answer that a notification brought and the row has to confirm. */
  readonly unconfirmed?: Answer | undefined;
}

/** A ref that is queued or being read, with its listeners. */
export interface PendingRead {
  /** The first request for this ref. */
  readonly request: ReadRequest;
  readonly listeners: Set<RowListener>;
}

export interface ReadQueueOptions {
  /** Names the statement in telemetry. */
  readonly name: string;
  /** Refs in one statement at most. */
  readonly limit: number;
  /** Bytes in one statement at most; a larger answer is read alone. @default Infinity */
  readonly maxSize?: number;
  /** Reads rows; refs without one are absent from the reply. Calls `progress` as parts arrive. */
  readonly read: (refs: readonly string[], progress: () => void) => Promise<readonly StoredAnswer[]>;
  /** Called once a ref. `row` is as in {@link RowListener.onRow}. */
  readonly onRow: (ref: string, row: StoredAnswer | null | undefined, pending: PendingRead) => void;
  /**
   * Whether a request joins a read of the same ref that is under way. Otherwise the ref is read
   * once more, since its row may have changed meanwhile.
   *
   * @default false
   */
  readonly joins?: boolean;
  readonly telemetry: Telemetry;
}

/**
 * Reads rows by ref, first come, first served, one statement at a time. Requests for the same ref
 * share one read; requests that arrive during a statement share the next. Retries transient
 * failures for ever. Dropped refs are forgotten, so nothing piles up during an outage.
 */
export class ReadQueue {
  readonly #options: ReadQueueOptions;
  /** Refs that wait for a statement, in the order of arrival. */
  readonly #queued = new Map<string, PendingRead>();
  /** Refs in the statement under way. A ref leaves as soon as its row is handed out. */
  readonly #reading = new Map<string, PendingRead>();
  /** Aborting it ends the pause before a retry. */
  #retryPause = new AbortController();
  #draining = false;
  #stopped = false;
  #repliedAt = Number.NEGATIVE_INFINITY;

  constructor(options: ReadQueueOptions) {
    this.#options = options;
  }

  /** Refs that are queued or being read. */
  get pending(): number {
    return this.#queued.size + this.#reading.size;
  }

  /**
   * When the database last replied, in full or in part, by
   * `performance.now()`; -Infinity before that.
   */
  get repliedAt(): number {
    return this.#repliedAt;
  }

  /**
   * Queues a ref; false if it is pending already, so that its answer will not
   * be new to this request.
   */
  push(ref: string, request: ReadRequest, listeners: Iterable<RowListener> = []): boolean {
    const reading = this.#options.joins === true ? this.#reading.get(ref) : undefined;
    const pending = reading ?? this.#queued.get(ref);
    if (pending === undefined) this.#queued.set(ref, { request, listeners: new Set(listeners) });
    else for (const listener of listeners) pending.listeners.add(listener);
    if (!this.#draining && !this.#stopped) this.#start();
    return pending === undefined;
  }

  /** Whether a pending read has to confirm what a notification said of this ref. */
  isConfirming(ref: string): boolean {
    return (
      this.pending > 0 &&
      (this.#queued.get(ref)?.request.unconfirmed ?? this.#reading.get(ref)?.request.unconfirmed) !== undefined
    );
  }

  /** Stops calling this listener for this ref. */
  withdraw(ref: string, listener: RowListener): void {
    this.#queued.get(ref)?.listeners.delete(listener);
    this.#reading.get(ref)?.listeners.delete(listener);
  }

  /** Forgets a ref whose answer is of no use. Calls its remaining listeners without a row. */
  drop(ref: string): void {
    for (const reads of [this.#queued, this.#reading]) {
      const pending = reads.get(ref);
      reads.delete(ref);
      if (pending !== undefined)
        for (const listener of pending.listeners) listener.onRow(ref, undefined, "nothing new");
    }
  }

  /** Drops every ref that is not of use, if more than `limit` are pending. */
  compact(limit: number, isOfUse: (ref: string) => boolean): void {
    if (this.pending <= limit) return;
    for (const ref of [...this.#queued.keys(), ...this.#reading.keys()]) if (!isOfUse(ref)) this.drop(ref);
  }

  /** Cuts the pause before a retry short. */
  retryNow(): void {
    this.#retryPause.abort();
    this.#retryPause = new AbortController();
  }

  /** Forgets every ref. Calls no listener any more. */
  stop(): void {
    this.#stopped = true;
    this.#queued.clear();
    this.#reading.clear();
    this.retryNow();
  }

  /** Deferred to a microtask, so that all refs of one synchronous loop share a statement. */
  #start(): void {
    this.#draining = true;
    queueMicrotask(() => void this.#drain());
  }

  async #drain(): Promise<void> {
    while (this.#queued.size > 0) {
      this.#fillStatement();
      await this.#read([...this.#reading.keys()]);
      this.#reading.clear();
    }
    this.#draining = false;
  }

  #fillStatement(): void {
    const { limit, maxSize = Number.POSITIVE_INFINITY } = this.#options;
    let size = 0;
    for (const [ref, pending] of this.#queued) {
      size += pending.request.size ?? 0;
      if (this.#reading.size === limit || (this.#reading.size > 0 && size > maxSize)) return;
      this.#queued.delete(ref);
      this.#reading.set(ref, pending);
    }
  }

  /** Never rejects. */
  async #read(refs: readonly string[]): Promise<void> {
    for (let failures = 1; refs.length > 0; failures += 1) {
      try {
        const rows = await this.#options.read(refs, () => this.#noteReply());
        this.#noteReply();
        return this.#handOutAll(refs, rows);
      } catch (error) {
        if (this.#stopped) return;
        if (!isPassing(error)) return this.#isolate(refs, error);
        await this.#pause(refs.length, error, failures);
        refs = refs.filter((ref) => this.#reading.has(ref));
      }
    }
  }

  /** Halves a refused statement until the ref that cannot be read stands alone. */
  async #isolate(refs: readonly string[], error: unknown): Promise<void> {
    const [ref] = refs;
    if (refs.length === 1 && ref !== undefined) {
      this.#options.telemetry.emit("service:error", { service: "reconciler", error });
      return this.#handOut(ref, undefined);
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

  #noteReply(): void {
    this.#repliedAt = performance.now();
  }

  #handOutAll(refs: readonly string[], rows: readonly StoredAnswer[]): void {
    const found = new Map(rows.map((row) => [row.ref, row]));
    for (const ref of refs) this.#handOut(ref, found.get(ref) ?? null);
  }

  #handOut(ref: string, row: StoredAnswer | null | undefined): void {
    const pending = this.#reading.get(ref);
    if (pending === undefined) return;
    this.#reading.delete(ref);
    this.#options.onRow(ref, row, pending);
  }
}
