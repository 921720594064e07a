/** `setTimeout` takes no longer time, in ms. */
const LONGEST_TIMER = 2 ** 31 - 1;

export interface WearLimits {
  /** How many jobs a thread runs, and how many ms it lives, before another takes its place. Default: for ever. */
  readonly maxJobs?: number | undefined;
  readonly maxAge?: number | undefined;
}

/** How much a thread has been used, and whether it has had its time. */
export class Wear {
  readonly #limits: WearLimits;
  readonly #onOld: () => void;
  #jobs = 0;
  #mostJobs = Number.POSITIVE_INFINITY;
  #old = false;
  #timer: NodeJS.Timeout | undefined;

  /** @param onOld called when the thread comes of age, whether or not it runs a job. */
  constructor(limits: WearLimits, onOld: () => void) {
    this.#limits = limits;
    this.#onOld = onOld;
  }

  /** Whether it has been given no job. */
  get fresh(): boolean {
    return this.#jobs === 0;
  }

  /** Whether another thread should take its place. */
  get spent(): boolean {
    return this.#old || this.#jobs >= this.#mostJobs;
  }

  use(jobs: number): void {
    this.#jobs += jobs;
  }

  /** Another thread is in use now. It draws limits of its own, so that threads that began together do not end together. */
  renew(): void {
    const { maxJobs, maxAge } = this.#limits;
    this.stop();
    this.#jobs = 0;
    this.#old = false;
    this.#mostJobs = lessTenth(maxJobs);
    const age = lessTenth(maxAge);
    if (age > LONGEST_TIMER) return;
    this.#timer = setTimeout(() => {
      this.#old = true;
      this.#onOld();
    }, age).unref();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}

/** 90 to 100 % of a limit. */
function lessTenth(limit = Number.POSITIVE_INFINITY): number {
  return Math.ceil(limit * (1 - Math.random() / 10));
}
