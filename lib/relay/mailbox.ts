import { type Answer, isFinalKind } from "../job/answer.js";
import type { JobState } from "../job/job.js";
import type { Telemetry } from "../telemetry.js";

/** By which way an answer came: from this process, by notification, or looked up in the table. */
export type Via = "local" | "notify" | "reconcile";

/** An answer with what is known about where it comes from. */
export interface Delivery {
  readonly answer: Answer;
  readonly via: Via;
  readonly state?: JobState;
  readonly attempt?: number;
  readonly host?: string | null;
}

/** What a waiter is called with: its delivery, or that the job's row is gone. */
export type Waiter = (delivery: Delivery | "gone") => void;

interface Slot {
  first: Delivery | null;
  final: Delivery | null;
  readonly openedAt: number;
  /** The waiters, and whether each waits for the final answer. */
  readonly waiters: Map<Waiter, boolean>;
}

export interface MailboxLimits {
  /** ms that a slot which nobody awaits is kept. */
  readonly age: number;
  /** Bytes that all slots may hold, each counted with its overhead. */
  readonly bytes: number;
}

const DEFAULT_LIMITS: MailboxLimits = { age: 300_000, bytes: 64 * 1_024 * 1_024 };
/** What a slot takes besides its answers, about. */
const OVERHEAD = 400;

/**
 * The awaiting side's slots, one a ref. A slot keeps the first answer, for those who take the first outcome, and the first
 * final one, for those who wait for retries; later deliveries of either change nothing. Slots that nobody awaits are given
 * up when they are old or there are too many: the row still has the answer.
 */
export class Mailbox {
  readonly #slots = new Map<string, Slot>();
  readonly #telemetry: Telemetry;
  readonly #limits: MailboxLimits;
  readonly #awaited = new Set<string>();
  #bytes = 0;

  constructor(telemetry: Telemetry, limits: MailboxLimits = DEFAULT_LIMITS) {
    this.#telemetry = telemetry;
    this.#limits = limits;
  }

  get size(): number {
    return this.#slots.size;
  }

  /** How many refs somebody waits for. */
  get awaited(): number {
    return this.#awaited.size;
  }

  /** The refs that somebody waits for. */
  awaitedRefs(): string[] {
    return [...this.#awaited];
  }

  has(ref: string): boolean {
    return this.#slots.has(ref);
  }

  /** Makes a slot, unless there is one. */
  open(ref: string): void {
    if (this.#slots.has(ref)) return;
    this.#evict();
    this.#slots.set(ref, { first: null, final: null, openedAt: performance.now(), waiters: new Map() });
    this.#bytes += OVERHEAD;
  }

  /** Gives a slot up; whoever waits for it must be settled before. */
  close(ref: string): void {
    const slot = this.#slots.get(ref);
    if (slot === undefined) return;
    this.#slots.delete(ref);
    this.#awaited.delete(ref);
    this.#bytes -= OVERHEAD + sizeOf(slot);
  }

  /** The answer that is there already. */
  peek(ref: string, withRetries: boolean): Delivery | null {
    const slot = this.#slots.get(ref);
    return (withRetries ? slot?.final : slot?.first) ?? null;
  }

  /** Has the waiter called once, when the answer comes. Returns what ends the waiting before. */
  wait(ref: string, withRetries: boolean, waiter: Waiter): () => void {
    this.open(ref);
    const slot = this.#slots.get(ref) as Slot;
    slot.waiters.set(waiter, withRetries);
    this.#awaited.add(ref);
    return () => this.#release(ref, slot, waiter);
  }

  /** Takes an answer in. False where nobody has a slot for it, or it brings nothing new. */
  deliver(ref: string, delivery: Delivery): boolean {
    const slot = this.#slots.get(ref);
    if (slot === undefined || slot.final !== null) return false;
    const final = isFinalKind(delivery.answer.kind);
    if (slot.first !== null && !final) return false;
    const before = sizeOf(slot);
    slot.first ??= delivery;
    if (final) slot.final = delivery;
    this.#bytes += sizeOf(slot) - before;
    for (const [waiter, withRetries] of slot.waiters) {
      if (withRetries && !final) continue;
      this.#release(ref, slot, waiter);
      waiter(withRetries ? delivery : slot.first);
    }
    return true;
  }

  /** The row of this ref is gone: nothing will ever come. */
  gone(ref: string): void {
    const slot = this.#slots.get(ref);
    if (slot === undefined) return;
    // Closed first: a waiter that waits again gets a slot of its own.
    this.close(ref);
    for (const waiter of slot.waiters.keys()) waiter("gone");
  }

  #release(ref: string, slot: Slot, waiter: Waiter): void {
    slot.waiters.delete(waiter);
    // The ref may have a new slot by now, awaited by others.
    if (slot.waiters.size === 0 && this.#slots.get(ref) === slot) this.#awaited.delete(ref);
  }

  /** Looks at the oldest slots, two for each new one: enough to keep up, and no timer. */
  #evict(): void {
    let looks = 2;
    for (const [ref, slot] of this.#slots) {
      const old = performance.now() - slot.openedAt > this.#limits.age;
      if (!old && this.#bytes <= this.#limits.bytes) return;
      if (slot.waiters.size === 0) {
        this.close(ref);
        this.#telemetry.emit("slot:evicted", { ref });
      } else {
        // Awaited: it stays, behind the others, so that it does not hide those that can go.
        this.#slots.delete(ref);
        this.#slots.set(ref, slot);
      }
      looks -= 1;
      if (looks === 0) return;
    }
  }
}

function sizeOf({ first, final }: Slot): number {
  const firstSize = first?.answer.bytes.length ?? 0;
  return final === null || final === first ? firstSize : firstSize + final.answer.bytes.length;
}
