import { type Answer, isFinalKind } from "../job/answer.js";
import type { JobState } from "../job/job.js";
import type { Telemetry } from "../telemetry.js";
import { type LookupItem, Lookups, NOTIFYING } from "./lookups.js";

/** How an answer arrived: within this process, by notification, or by reading the table. */
export type Via = "local" | "notify" | "reconcile";

/** An answer with what is known of its job. A notification alone brings only the answer. */
export interface Delivery {
  readonly answer: Answer;
  readonly via: Via;
  readonly state?: JobState;
  readonly attempt?: number;
  readonly host?: string | null;
}

/** Which answer of a job: its first, or its final one. An answer can be both. */
export type Which = "first" | "final";

/** Whether only a notification vouches for a delivery: it may be damaged or forged. */
export function isUnconfirmed({ via, state }: Delivery): boolean {
  return via === "notify" && state === undefined;
}

/** Called with the delivery that it waits for, or with "gone" if the job's row is gone. */
export type Waiter = (delivery: Delivery | "gone") => void;

/** Keeps the answers to one ref. Times are whole ms, since V8 allocates memory for fractions. */
interface Slot extends LookupItem {
  readonly ref: string;
  /** The first answer. Never changes once it is there, unless it is retracted. */
  first: Delivery | null;
  /** The first final answer, often the same as `first`. */
  final: Delivery | null;
  readonly openedAt: number;
  /** When the slot is evicted, unless it is awaited then. */
  keepUntil: number;
  /** Whether an awaiter has received the final answer. */
  taken: boolean;
  /** A list, since most slots have one waiter at most; a Map would take five times the memory. */
  waiting: readonly Waiting[];
}

interface Waiting {
  readonly waiter: Waiter;
  /** The answer that the waiter waits for. */
  readonly which: Which;
}

const NO_WAITERS: readonly Waiting[] = [];

export interface MailboxLimits {
  /** How long in ms an unawaited slot is kept. @default 300_000 */
  readonly age: number;
  /** How long in ms it is kept once an awaiter has received the final answer. @default 10_000 */
  readonly takenAge: number;
  /** Bytes that all slots may hold, with {@link OVERHEAD}. @default 67_108_864 */
  readonly bytes: number;
}

const DEFAULT_LIMITS: MailboxLimits = { age: 300_000, takenAge: 10_000, bytes: 64 * 1_024 * 1_024 };
/** ms between evictions of expired slots. */
const EVICTION_INTERVAL = 5_000;
/** Bytes of a slot besides its answers, estimated. */
const OVERHEAD = 400;
/** A slot is heavy if its answers have more bytes than this. */
const HEAVY = 65_536;

/**
 * The slots of awaited refs. A slot keeps the first answer for awaits of the first
 * outcome, and the first final one for awaits `withRetries`; later deliveries change
 * neither. A slot without waiters is evicted when it is old, soon after its final
 * answer was taken, or when all slots hold too much. Its answer remains in the row.
 */
export class Mailbox {
  /** By ref, the oldest first, except awaited slots that an eviction has moved to the end. */
  readonly #slots = new Map<string, Slot>();
  readonly #telemetry: Telemetry;
  readonly #limits: MailboxLimits;
  /** Exactly the slots with waiters, scheduled for lookups in the table. */
  readonly lookups = new Lookups<Slot>(NOTIFYING);
  /** The refs of heavy slots, in the order in which they became heavy. */
  readonly #heavy = new Set<string>();
  /** Bytes of all slots, with {@link OVERHEAD}. */
  #bytes = 0;
  /** Set while there are slots. */
  #evicting: NodeJS.Timeout | undefined;

  constructor(telemetry: Telemetry, limits: MailboxLimits = DEFAULT_LIMITS) {
    this.#telemetry = telemetry;
    this.#limits = limits;
  }

  /** Refs with a slot. */
  get size(): number {
    return this.#slots.size;
  }

  /** Refs with a waiter. */
  get awaited(): number {
    return this.lookups.size;
  }

  /** Whether this ref has a waiter. */
  awaits(ref: string): boolean {
    return (this.#slots.get(ref)?.waiting.length ?? 0) > 0;
  }

  has(ref: string): boolean {
    return this.#slots.has(ref);
  }

  /**
   * Whether {@link deliver} would accept another final answer, or another first one, for this ref.
   */
  accepts(ref: string, which: Which): boolean {
    const slot = this.#slots.get(ref);
    return slot?.final === null && (which === "final" || slot.first === null);
  }

  /** Whether a ref has had a slot for more than `ms`. */
  isOlder(ref: string, ms: number): boolean {
    const slot = this.#slots.get(ref);
    return slot !== undefined && performance.now() - slot.openedAt > ms;
  }

  /** Opens a slot, unless there is one. */
  open(ref: string): void {
    if (this.#slots.has(ref)) return;
    this.#grow(OVERHEAD);
    const openedAt = Math.floor(performance.now());
    const keepUntil = openedAt + this.#limits.age;
    const times = { openedAt, keepUntil, due: 0, step: 0 };
    this.#slots.set(ref, { ref, first: null, final: null, ...times, taken: false, waiting: NO_WAITERS });
    this.#evicting ??= setInterval(() => this.evictExpired(), EVICTION_INTERVAL).unref();
  }

  /** Closes a slot. Its waiters are not called. */
  close(ref: string): void {
    const slot = this.#slots.get(ref);
    if (slot === undefined) return;
    this.#slots.delete(ref);
    if (slot.waiting.length > 0) this.lookups.delete(slot);
    this.#heavy.delete(ref);
    this.#bytes -= OVERHEAD + sizeOf(slot);
    if (this.#slots.size === 0) this.stop();
  }

  /** Stops evictions. */
  stop(): void {
    clearInterval(this.#evicting);
    this.#evicting = undefined;
  }

  /** Takes the answer that is there already, if any. */
  take(ref: string, which: Which): Delivery | null {
    const slot = this.#slots.get(ref);
    const delivery = (which === "final" ? slot?.final : slot?.first) ?? null;
    if (slot !== undefined && delivery !== null) this.#markTaken(slot, delivery);
    return delivery;
  }

  /**
   * Calls the waiter once, when the answer arrives, unless it is released before. Returns
   * when the ref's lookup is due.
   */
  wait(ref: string, which: Which, waiter: Waiter): number {
    this.open(ref);
    const slot = this.#slots.get(ref) as Slot;
    if (slot.waiting.length === 0) this.lookups.add(slot, performance.now());
    slot.waiting = slot.waiting.concat({ waiter, which });
    return slot.due;
  }

  /** Removes a waiter, if it still waits. */
  release(ref: string, waiter: Waiter): void {
    const slot = this.#slots.get(ref);
    if (slot === undefined || slot.waiting.length === 0) return;
    slot.waiting = slot.waiting.filter((one) => one.waiter !== waiter);
    if (slot.waiting.length === 0) this.lookups.delete(slot);
  }

  /**
   * Delivers an answer to its slot and waiters. False if there is no slot, or the
   * answer is not new to it.
   */
  deliver(ref: string, delivery: Delivery): boolean {
    const slot = this.#slots.get(ref);
    if (slot === undefined || slot.final !== null) return false;
    const final = isFinalKind(delivery.answer.kind);
    if (slot.first !== null && !final) return false;
    const before = sizeOf(slot);
    slot.first ??= delivery;
    if (final) slot.final = delivery;
    if (sizeOf(slot) > HEAVY) this.#heavy.add(ref);
    this.#grow(sizeOf(slot) - before);
    const { first } = slot;
    for (const { waiter, which } of slot.waiting) {
      if (which === "final" && !final) continue;
      this.release(ref, waiter);
      const wanted = which === "final" ? delivery : first;
      this.#markTaken(slot, wanted);
      waiter(wanted);
    }
    return true;
  }

  /** Removes a delivery that turned out to be unusable, so that the slot accepts another. */
  retract(ref: string, delivery: Delivery): void {
    const slot = this.#slots.get(ref);
    if (slot === undefined || (slot.first !== delivery && slot.final !== delivery)) return;
    const before = sizeOf(slot);
    if (slot.first === delivery) slot.first = null;
    if (slot.final === delivery) slot.final = null;
    slot.taken = false;
    slot.keepUntil = slot.openedAt + this.#limits.age;
    this.#heavy.delete(ref);
    this.#bytes += sizeOf(slot) - before;
  }

  /** Closes the slot of a ref whose row is gone, and calls its waiters. */
  gone(ref: string): void {
    const slot = this.#slots.get(ref);
    if (slot === undefined) return;
    // Closed first, so that a waiter that waits again opens a new slot.
    this.close(ref);
    for (const { waiter } of slot.waiting) waiter("gone");
  }

  /** Evicts the slots that have expired. */
  evictExpired(): void {
    const now = performance.now();
    for (const [ref, slot] of this.#slots) if (now > slot.keepUntil) this.#evict(ref, slot);
  }

  /** Shortens the life of a slot once its final answer is taken. */
  #markTaken(slot: Slot, delivery: Delivery): void {
    if (delivery !== slot.final || slot.taken) return;
    slot.taken = true;
    slot.keepUntil = Math.floor(performance.now()) + this.#limits.takenAge;
  }

  /**
   * Adds bytes. Over the limit, evicts heavy slots until the rest fits, then the oldest, two for
   * each addition: enough to keep up.
   */
  #grow(bytes: number): void {
    this.#bytes += bytes;
    for (const ref of this.#heavy) {
      if (this.#bytes <= this.#limits.bytes) return;
      this.#evict(ref, this.#slots.get(ref) as Slot);
    }
    if (this.#bytes <= this.#limits.bytes) return;
    let candidates = 2;
    for (const [ref, slot] of this.#slots) {
      if (slot.waiting.length > 0) {
        // Awaited slots stay. They move to the end, so that they do not hide slots that can go.
        this.#slots.delete(ref);
        this.#slots.set(ref, slot);
      } else this.#evict(ref, slot);
      candidates -= 1;
      if (candidates === 0) return;
    }
  }

  #evict(ref: string, slot: Slot): void {
    if (slot.waiting.length > 0) return;
    this.close(ref);
    if (!slot.taken) this.#telemetry.emit("slot:evicted", { ref });
  }
}

function sizeOf({ first, final }: Slot): number {
  const firstSize = first?.answer.bytes.length ?? 0;
  return final === null || final === first ? firstSize : firstSize + final.answer.bytes.length;
}
