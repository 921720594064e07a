import { types } from "node:util";

const BYTES = 16;
/** Indexes of 32-bit numbers. */
const BEGUN = 0;
const SPOILED = 1;
/** Index of a 64-bit number, in the second half of the memory. */
const EXIT_CALLER = 1;

/** Values of `EXIT_CALLER` that are not the id of a job. */
const NO_CALLER = 0n;
const UNKNOWN = -1n;

/** The id of the job that called `process.exit`; `"unknown"` if it is not known, null if none. */
export type ExitCaller = number | "unknown" | null;

/**
 * Memory that a thread shares with its host, and in which it records what it is about to
 * do. The host can read it after the thread has ended, however suddenly.
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

  /** Whether a value is the memory of a board, made in any realm. */
  static isMemory(value: unknown): value is SharedArrayBuffer {
    return types.isSharedArrayBuffer(value) && value.byteLength === BYTES;
  }

  /** Number of jobs that the thread has begun since `reset`: the first ones of its message. */
  get begun(): number {
    return Atomics.load(this.#numbers, BEGUN);
  }

  /**
   * Whether the thread should be replaced before its next job, because a module failed to
   * import: it stays failed in this thread.
   */
  get spoiled(): boolean {
    return Atomics.load(this.#numbers, SPOILED) === 1;
  }

  get exitCaller(): ExitCaller {
    const id = Atomics.load(this.#ids, EXIT_CALLER);
    if (id === NO_CALLER) return null;
    return id === UNKNOWN ? "unknown" : Number(id);
  }

  /** Called by the host before each message. */
  reset(): void {
    Atomics.store(this.#numbers, BEGUN, 0);
  }

  begin(): void {
    Atomics.add(this.#numbers, BEGUN, 1);
  }

  spoil(): void {
    Atomics.store(this.#numbers, SPOILED, 1);
  }

  /** Called by the thread just before it exits. `jobId` is undefined if the job is not known. */
  recordExit(jobId: number | undefined): void {
    Atomics.store(this.#ids, EXIT_CALLER, jobId === undefined ? UNKNOWN : BigInt(jobId));
  }
}
