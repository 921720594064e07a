import { type Answer, isFinalKind } from "../job/answer.js";
import type { JobState } from "../job/job.js";
import type { Telemetry } from "../telemetry.js";
import { type Awaited, Lookups, NOTIFYING } from "./lookups.js";

/** How an answer arrived: within this process, by notification, or by reading the table. */
export type Via = "local" | "notify" | "reconcile";

/** An answer with what is known about where it comes from. */
export interface Delivery {
  readonly answer: Answer;
  readonly via: Via;
  readonly state?: JobState;
  readonly attempt?: number;
  readonly host?: string | null;
}

/** Whether only a notification has brought it, which may be damaged or forged. What came from a row says its state. */
export function isHearsay({ via, state }: Delivery): boolean {
  return via === "notify" && state === undefined;
}

/** What a waiter is called with: its delivery, or that the job's row is gone. */
export type Waiter = (delivery: Delivery | "gone") => void;

/** There may be many: times are whole ms, which take no memory of their own. */
interface Slot extends Awaited {
  readonly ref: string;
  first: Delivery | null;
  final: Delivery | null;
  readonly openedAt: number;
  /** When it is given up, unless somebody waits then. */
  keepUntil: number;
  /** Whether somebody has had the final answer. */
  taken: boolean;
  waiting: readonly Waiting[];
}

interface Waiting {
  readonly waiter: Waiter;
  /** Whether it waits for the final answer. */
  readonly withRetries: boolean;
}

/** Most slots have one waiter at most, and there may be many slots: a list takes a fifth of what a Map would. */
const NOBODY: readonly Waiting[] = [];

export interface MailboxLimits {
  /** ms that a slot which nobody awaits is kept. */
  readonly age: number;
  /** ms that it is kept once somebody has had the final answer. */
  readonly takenAge: number;
  /** Bytes that all slots may hold, each counted with its overhead. */
  readonly bytes: number;
}

const DEFAULT_LIMITS: MailboxLimits = { age: 300_000, takenAge: 10_000, bytes: 64 * 1_024 * 1_024 };
/** ms between looks for slots to give up. */
const SWEEP = 5_000;
/** What a slot takes besides its answers, about. */
const OVERHEAD = 400;
/** A slot whose answers have more bytes than this is heavy. */
const HEAVY = 65_536;

/**
 * The awaiting side's slots, one a ref. A slot keeps the first answer, for those who take the first outcome, and the first
 * final one, for those who wait for retries; later deliveries of either change nothing. Slots that nobody awaits are given
 * up some time after their answer was taken, when they are old, or when all hold too much: the row still has the answer.
 */
export class Mailbox {
  readonly #slots = new Map<string, Slot>();
  readonly #telemetry: Telemetry;
  readonly #limits: MailboxLimits;
  /** The slots that somebody waits for, by when they are to be looked up in the table. */
  readonly lookups = new Lookups<Slot>(NOTIFYING);
  /** The refs of heavy slots, in the order in which they became so. */
  readonly #heavy = new Set<string>();
  #bytes = 0;
  #sweeping: NodeJS.Timeout | undefined;

  constructor(telemetry: Telemetry, limits: MailboxLimits = DEFAULT_LIMITS) {
    this.#telemetry = telemetry;
    this.#limits = limits;
  }

  get size(): number {
    return this.#slots.size;
  }

  /** How many refs somebody waits for. */
  get awaited(): number {
    return this.lookups.size;
  }

  /** Whether somebody waits for this ref. */
  awaits(ref: string): boolean {
    return (this.#slots.get(ref)?.waiting.length ?? 0) > 0;
  }

  has(ref: string): boolean {
    return this.#slots.has(ref);
  }

  /** Whether another answer, or one that is not final, could be of use: there is a slot, and it would change by it. */
  wants(ref: string, final = true): boolean {
    const slot = this.#slots.get(ref);
    return slot?.final === null && (final || slot.first === null);
  }

  /** Whether a ref's slot has waited for an answer for so many ms that it is worth asking after it. */
  overdue(ref: string, ms: number): boolean {
    const slot = this.#slots.get(ref);
    return slot !== undefined && performance.now() - slot.openedAt > ms;
  }

  /** Makes a slot, unless there is one. */
  open(ref: string): void {
    if (this.#slots.has(ref)) return;
    this.#grow(OVERHEAD);
    const openedAt = Math.floor(performance.now());
    const keepUntil = openedAt + this.#limits.age;
    const times = { openedAt, keepUntil, due: 0, step: 0 };
    this.#slots.set(ref, { ref, first: null, final: null, ...times, taken: false, waiting: NOBODY });
    this.#sweeping ??= setInterval(() => this.sweep(), SWEEP).unref();
  }

  /** Gives a slot up; whoever waits for it must be settled before. */
  close(ref: string): void {
    const slot = this.#slots.get(ref);
    if (slot === undefined) return;
    this.#slots.delete(ref);
    if (slot.waiting.length > 0) this.lookups.delete(slot);
    this.#heavy.delete(ref);
    this.#bytes -= OVERHEAD + sizeOf(slot);
    if (this.#slots.size === 0) this.stop();
  }

  /** Ends looking for slots to give up. */
  stop(): void {
    clearInterval(this.#sweeping);
    this.#sweeping = undefined;
  }

  /** The answer that is there already, for somebody who takes it. */
  peek(ref: string, withRetries: boolean): Delivery | null {
    const slot = this.#slots.get(ref);
    const delivery = (withRetries ? slot?.final : slot?.first) ?? null;
    if (slot !== undefined && delivery !== null) this.#take(slot, delivery);
    return delivery;
  }

  /** Has the waiter called once, when the answer comes, unless it is released before. Returns when to look the ref up. */
  wait(ref: string, withRetries: boolean, waiter: Waiter): number {
    this.open(ref);
    const slot = this.#slots.get(ref) as Slot;
    if (slot.waiting.length === 0) this.lookups.add(slot, performance.now());
    slot.waiting = slot.waiting.concat({ waiter, withRetries });
    return slot.due;
  }

  /** Ends its waiting, if it still does. */
  release(ref: string, waiter: Waiter): void {
    const slot = this.#slots.get(ref);
    if (slot === undefined || slot.waiting.length === 0) return;
    slot.waiting = slot.waiting.filter((one) => one.waiter !== waiter);
    if (slot.waiting.length === 0) this.lookups.delete(slot);
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
    if (sizeOf(slot) > HEAVY) this.#heavy.add(ref);
    this.#grow(sizeOf(slot) - before);
    const { first } = slot;
    for (const { waiter, withRetries } of slot.waiting) {
      if (withRetries && !final) continue;
      this.release(ref, waiter);
      const wanted = withRetries ? delivery : first;
      this.#take(slot, wanted);
      waiter(wanted);
    }
    return true;
  }

  /** Takes back a delivery that nobody can use. The slot waits for another. */
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

  /** The row of this ref is gone: nothing will ever come. */
  gone(ref: string): void {
    const slot = this.#slots.get(ref);
    if (slot === undefined) return;
    // Closed first: a waiter that waits again gets a slot of its own.
    this.close(ref);
    for (const { waiter } of slot.waiting) waiter("gone");
  }

  /** Gives up the slots whose time is over. */
  sweep(): void {
    const now = performance.now();
    for (const [ref, slot] of this.#slots) if (now > slot.keepUntil) this.#evict(ref, slot);
  }

  /** Whoever has had an answer that may change no more has no need of its slot, or soon. */
  #take(slot: Slot, delivery: Delivery): void {
    if (delivery !== slot.final || slot.taken) return;
    slot.taken = true;
    slot.keepUntil = Math.floor(performance.now()) + this.#limits.takenAge;
  }

  /** Where all hold too much, heavy ones go until they do not; then the oldest, two for each that comes: enough to keep up. */
  #grow(bytes: number): void {
    this.#bytes += bytes;
    for (const ref of this.#heavy) {
      if (this.#bytes <= this.#limits.bytes) return;
      this.#evict(ref, this.#slots.get(ref) as Slot);
    }
    if (this.#bytes <= this.#limits.bytes) return;
    let looks = 2;
    for (const [ref, slot] of this.#slots) {
      if (slot.waiting.length > 0) {
        // It stays, behind the others, so that it does not hide those that can go.
        this.#slots.delete(ref);
        this.#slots.set(ref, slot);
      } else this.#evict(ref, slot);
      looks -= 1;
      if (looks === 0) return;
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
