import type { Duplex } from "node:stream";
import type pg from "pg";
import { bytesQueuedOf, bytesReadOf, bytesWrittenOf, handshakeProcessOf, streamOf } from "./internals.js";

/** The slowest line to allow for, in bytes a ms. */
const SLOWEST = 500;
/** Most bytes that the systems at both ends of a line may buffer, unseen by this process. */
const UNSEEN = 8 * 1_024 * 1_024;

/** A statement on a pool's connection that waits for its answer, and whether bytes move for it. */
export class PendingStatement {
  /** The server process that should be executing it. */
  readonly pid: number | null;
  readonly #stream: Duplex;
  readonly #slowest: number;
  /** Bytes that the connection had carried before this statement. */
  readonly #readBefore: number;
  readonly #writtenBefore: number;
  /** When the statement was sent, or a byte was last seen to move in either direction. */
  #movedAt = performance.now();
  #progress: number;

  /** @param slowest bytes a ms that even the slowest line carries. */
  constructor(client: pg.ClientBase, slowest = SLOWEST) {
    this.pid = handshakeProcessOf(client);
    this.#stream = streamOf(client);
    this.#slowest = slowest;
    this.#readBefore = bytesReadOf(this.#stream);
    this.#writtenBefore = bytesWrittenOf(this.#stream);
    this.#progress = progressOf(this.#stream);
  }

  /**
   * Whether no byte has moved for `ms`. While bytes go out, the server cannot be executing the
   * statement yet; while they come in, it is done. Either may take minutes for many bytes.
   */
  isStalled(ms: number, now: number): boolean {
    const progress = progressOf(this.#stream);
    if (progress !== this.#progress) {
      this.#progress = progress;
      this.#movedAt = now;
    }
    return this.#movedAt < now - ms - this.#transit();
  }

  /** Ignores a time, in ms, during which this process could not have read an answer. */
  excuse(ms: number): void {
    this.#movedAt += ms;
  }

  /** Cuts its connection. */
  cut(reason?: Error): void {
    this.#stream.destroy(reason);
  }

  /** ms that bytes may still travel after the system took them. How many do is unknown. */
  #transit(): number {
    if (bytesReadOf(this.#stream) > this.#readBefore) return 0;
    const taken = bytesWrittenOf(this.#stream) - this.#writtenBefore - bytesQueuedOf(this.#stream);
    return Math.min(taken, UNSEEN) / this.#slowest;
  }
}

/** Changes with each byte that comes in, and with each that the system takes to send. */
function progressOf(stream: Duplex): number {
  return bytesReadOf(stream) - bytesQueuedOf(stream);
}
