import type { Socket } from "node:net";

/** ms between portions. */
const STEP = 10;
/** Bytes that may wait before the source is paused. */
const BACKLOG = 65_536;

/** One direction of a slow line: forwards bytes at a limited rate. */
export class Trickle {
  readonly #to: Socket;
  readonly #rate: () => number;
  #waiting: Buffer[] = [];
  #size = 0;
  #source: Socket | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** @param rate returns the bytes a second, for each portion anew. */
  constructor(to: Socket, rate: () => number) {
    this.#to = to;
    this.#rate = rate;
    to.once("close", () => clearInterval(this.#timer));
  }

  /**
   * Forwards bytes. Pauses `source` while many wait; without it buffers
   * them, as a proxy with large buffers does.
   */
  write(bytes: Buffer, source?: Socket): void {
    if (this.#size === 0 && this.#rate() === Number.POSITIVE_INFINITY) {
      this.#to.write(bytes);
      return;
    }
    this.#waiting.push(bytes);
    this.#size += bytes.length;
    if (source !== undefined && this.#size > BACKLOG) {
      source.pause();
      this.#source = source;
    }
    this.#timer ??= setInterval(() => this.#pass(), STEP);
  }

  #pass(): void {
    let left = (this.#rate() * STEP) / 1_000;
    while (left > 0 && this.#waiting.length > 0) {
      const [first] = this.#waiting as [Buffer];
      const portion = first.subarray(0, Math.ceil(left));
      if (portion.length === first.length) this.#waiting.shift();
      else this.#waiting[0] = first.subarray(portion.length);
      this.#to.write(portion);
      this.#size -= portion.length;
      left -= portion.length;
    }
    if (this.#size <= BACKLOG) this.#source?.resume();
    if (this.#size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
