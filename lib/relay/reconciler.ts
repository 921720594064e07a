import type { AnswerSource, StoredAnswer } from "../job/answer.js";
import type { Notifier } from "../notifier.js";
import { Batcher } from "../postgres/batcher.js";
import type { Telemetry } from "../telemetry.js";
import type { Mailbox, Via } from "./mailbox.js";

/** ms between sweeps while notifications arrive: for the one that did not. */
const SWEEP = 5_000;
/** ms between sweeps while they do not: from the first to the second, longer each time that nothing is found. */
const FASTEST = 20;
const SLOWEST = 250;
const GROWTH = 1.5;
const BATCH = 1_000;
/** Large answers that are read together have no more bytes than this, unless it is one alone: one such read goes at a time. */
const LARGE_BYTES = 16 * 1_024 * 1_024;
const LARGE_BATCH = 100;

/** A large answer that is stored. */
interface Large {
  readonly ref: string;
  readonly size: number;
}

/** What rows said. */
export interface Look {
  /** What is known of each ref that has a row. */
  readonly stored: ReadonlyMap<string, StoredAnswer>;
  /** For how many there is something new. */
  readonly found: number;
  /** Resolves when the large answers among them are delivered too, or cannot be had. */
  readonly large: Promise<unknown>;
}

/**
 * Looks up in the table what no notification brought, so that no await depends on one: after each gap in listening, in a
 * slow sweep of all that is awaited, at an await's deadline, for refs of other processes, and all the time where
 * notifications do not arrive. Many refs are one query. What they share is memory: large answers are read after the
 * others, a few at a time, each once however many look for it.
 */
export class Reconciler {
  readonly #mailbox: Mailbox;
  readonly #notifier: Notifier;
  readonly #telemetry: Telemetry;
  readonly #reads: Batcher<string, StoredAnswer | null>;
  readonly #subscriptions: Batcher<string, StoredAnswer | null>;
  readonly #large: Batcher<Large, StoredAnswer | null>;
  /** Large answers on their way, by ref. */
  readonly #underway = new Map<string, Promise<void>>();
  #timer: NodeJS.Timeout | undefined;
  #delay = FASTEST;
  #stopped = false;

  constructor(mailbox: Mailbox, source: AnswerSource, notifier: Notifier, telemetry: Telemetry) {
    this.#mailbox = mailbox;
    this.#notifier = notifier;
    this.#telemetry = telemetry;
    const batcher = (name: string, subscribe: boolean) =>
      new Batcher<string, StoredAnswer | null>({
        name,
        limit: BATCH,
        patience: Number.POSITIVE_INFINITY,
        telemetry,
        flush: async (refs) => inOrder(refs, await source.fetch(refs, subscribe)),
      });
    this.#large = new Batcher({
      name: "fetch large",
      limit: LARGE_BATCH,
      weigh: ({ size }) => size,
      maxWeight: LARGE_BYTES,
      patience: Number.POSITIVE_INFINITY,
      telemetry,
      flush: async (larges) => {
        const refs = larges.map(({ ref }) => ref);
        return inOrder(refs, await source.fetchLarge(refs));
      },
    });
    this.#reads = batcher("fetch", false);
    this.#subscriptions = batcher("subscribe", true);
    notifier.onRestore(() => this.#onRestore());
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#reads.stop();
    this.#subscriptions.stop();
    this.#large.stop();
  }

  /** Somebody began to wait: sweeps from now on until nobody does. */
  watch(): void {
    if (this.#timer !== undefined || this.#stopped) return;
    this.#delay = FASTEST;
    this.#schedule();
  }

  /** Has this host told of a job that another process inserted, and looks up what is there already. */
  subscribe(ref: string): void {
    void this.#look(this.#subscriptions, [ref], "reconcile");
  }

  /** Looks up an answer that was too large for its notification. */
  fetch(ref: string): void {
    void this.#look(this.#reads, [ref], "notify");
  }

  /** Looks refs up and delivers what is there. Rejects only when stopped. */
  read(refs: readonly string[]): Promise<Look> {
    return this.#deliver(this.#reads, refs, "reconcile");
  }

  #schedule(): void {
    const interval = this.#notifier.mode === "polling" ? this.#delay : SWEEP;
    this.#timer = setTimeout(() => void this.#sweep(), interval * (0.8 + Math.random() * 0.4));
  }

  async #sweep(): Promise<void> {
    const found = await this.#look(this.#reads, this.#mailbox.awaitedRefs(), "reconcile", "sweep");
    this.#delay = found > 0 ? FASTEST : Math.min(SLOWEST, this.#delay * GROWTH);
    this.#timer = undefined;
    if (this.#mailbox.awaited > 0 && !this.#stopped) this.#schedule();
  }

  #onRestore(): void {
    this.#reads.hurry();
    this.#subscriptions.hurry();
    this.#large.hurry();
    void this.#look(this.#reads, this.#mailbox.awaitedRefs(), "reconcile", "restore");
    if (this.#timer === undefined) return;
    // The mode may have changed, and with it the pace.
    clearTimeout(this.#timer);
    this.#delay = FASTEST;
    this.#schedule();
  }

  /** Never rejects. Says for how many refs something new was found. */
  async #look(
    batcher: Batcher<string, StoredAnswer | null>,
    refs: readonly string[],
    via: Via,
    reason?: string,
  ): Promise<number> {
    if (refs.length === 0) return 0;
    try {
      const { found } = await this.#deliver(batcher, refs, via);
      if (reason !== undefined && (found > 0 || reason === "restore")) {
        this.#telemetry.emit("reconcile", { open: refs.length, found, reason });
      }
      return found;
    } catch (error) {
      this.#report(error);
      return 0;
    }
  }

  #report(error: unknown): void {
    if (!this.#stopped) this.#telemetry.emit("service:error", { service: "reconciler", error });
  }

  async #deliver(batcher: Batcher<string, StoredAnswer | null>, refs: readonly string[], via: Via): Promise<Look> {
    const stored = new Map<string, StoredAnswer>();
    const large: Promise<void>[] = [];
    const rows = await Promise.all(refs.map((ref) => batcher.push(ref)));
    let found = 0;
    for (const [index, row] of rows.entries()) {
      const ref = refs[index] as string;
      if (row !== null) stored.set(ref, row);
      if (row?.large !== undefined && this.#mailbox.wants(ref)) {
        if (!this.#underway.has(ref)) found += 1;
        large.push(this.#fetchLarge({ ref, size: row.large }, via));
      } else if (this.#handOver(ref, row, via)) found += 1;
    }
    return { stored, found, large: Promise.all(large) };
  }

  /** Reads a large answer and delivers it; the same that is on its way already. */
  #fetchLarge(large: Large, via: Via): Promise<void> {
    const { ref } = large;
    const underway = this.#underway.get(ref) ?? this.#readLarge(large, via).finally(() => this.#underway.delete(ref));
    this.#underway.set(ref, underway);
    return underway;
  }

  /** Never rejects. */
  async #readLarge(large: Large, via: Via): Promise<void> {
    try {
      this.#handOver(large.ref, await this.#large.push(large), via);
    } catch (error) {
      this.#report(error);
    }
  }

  /** Delivers what a row says. False where that is nothing new. */
  #handOver(ref: string, row: StoredAnswer | null, via: Via): boolean {
    if (row === null) {
      this.#mailbox.gone(ref);
      return false;
    }
    const { answer, state, attempt, host } = row;
    return answer !== null && this.#mailbox.deliver(ref, { answer, via, state, attempt, host });
  }
}

function inOrder(refs: readonly string[], answers: readonly StoredAnswer[]): (StoredAnswer | null)[] {
  const stored = new Map(answers.map((answer) => [answer.ref, answer]));
  return refs.map((ref) => stored.get(ref) ?? null);
}
