import { setTimeout as sleep } from "node:timers/promises";

/** A time after which nothing is waited for any more. */
export class Deadline {
  readonly #at: number;

  constructor(ms: number) {
    this.#at = performance.now() + ms;
  }

  /** ms until then; never below 0. */
  get left(): number {
    return Math.max(0, this.#at - performance.now());
  }

  /** Waits for work until then; false where it goes on. Rejects as the work does, if that is in time. */
  async within(work: Promise<unknown>): Promise<boolean> {
    const done = new AbortController();
    const over = sleep(this.left, false, { signal: done.signal }).catch(() => false);
    try {
      return await Promise.race([work.then(() => true), over]);
    } finally {
      done.abort();
    }
  }
}
