import { types } from "node:util";

const BYTES = 16;
const BEGUN = 0;
const SPOILED = 1;
/** In the 64-bit view, behind the two numbers before it. */
const LEAVER = 1;

const NOBODY = 0n;
const UNKNOWN = -1n;

/** Who called `process.exit` in a thread: a job by its id, `"unknown"` where that cannot be told, null where nobody did. */
export type Leaver = number | "unknown" | null;

/**
 * What a thread notes in memory that it shares with its host, so that the host can read it after the thread has ended,
 * however suddenly. The host resets it with each message.
 */
export class Board {
  readonly memory: SharedArrayBuffer;
  readonly #numbers: Int32Array;
  readonly #ids: BigInt64Array;

  constructor(memory = new SharedArrayBuffer(BYTES)) {
    this.memory = memory;
    this.#numbers = new Int32Array(memory);
    this.#ids = new BigInt64Array(memory);
  }

  /** Whether a value is the memory of a board. Goes by no class of this realm. */
  static isMemory(value: unknown): value is SharedArrayBuffer {
    return types.isSharedArrayBuffer(value) && value.byteLength === BYTES;
  }

  /** How many jobs of the message the thread has begun. */
  get begun(): number {
    return Atomics.load(this.#numbers, BEGUN);
  }

  /** Whether the thread should be replaced before its next job: modules that have failed to import stay failed in it. */
  get spoiled(): boolean {
    return Atomics.load(this.#numbers, SPOILED) === 1;
  }

  get leaver(): Leaver {
    const id = Atomics.load(this.#ids, LEAVER);
    if (id === NOBODY) return null;
    return id === UNKNOWN ? "unknown" : Number(id);
  }

  /** The host sends the thread another message. */
  reset(): void {
    Atomics.store(this.#numbers, BEGUN, 0);
  }

  begin(): void {
    Atomics.add(this.#numbers, BEGUN, 1);
  }

  spoil(): void {
    Atomics.store(this.#numbers, SPOILED, 1);
  }

  /** The thread is about to end, at this job's bidding. */
  leave(job: number | undefined): void {
    Atomics.store(this.#ids, LEAVER, job === undefined ? UNKNOWN : BigInt(job));
  }
}
