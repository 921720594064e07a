/**
 * Waits at most `ms` for work. Resolves to whether the work ended in time. Rejects if the work
 * rejects in time; a later rejection is ignored.
 *
 * @param options.ref whether the timer keeps the process alive. @default true
 */
export async function within(work: Promise<unknown>, ms: number, { ref = true } = {}): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<false>((resolve) => {
    timer = setTimeout(resolve, ms, false);
    if (!ref) timer.unref();
  });
  try {
    return await Promise.race([work.then(() => true), over]);
  } finally {
    clearTimeout(timer);
  }
}

/** A time limit that several steps share. */
export class Deadline {
  readonly #at: number;

  constructor(ms: number) {
    this.#at = performance.now() + ms;
  }

  /** ms until the deadline; never below 0. */
  get left(): number {
    return Math.max(0, this.#at - performance.now());
  }

  /** Waits for work until the deadline; see {@link within}. */
  within(work: Promise<unknown>): Promise<boolean> {
    return within(work, this.left);
  }
}
