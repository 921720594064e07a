/** The longest delay of `setTimeout`, in ms. */
const LONGEST_TIMER = 2 ** 31 - 1;

export interface WearLimits {
  /**
   * Jobs that a thread runs before it is replaced.
   * @default unlimited
   */
  readonly maxJobs?: number | undefined;
  /**
   * ms that a thread lives before it is replaced.
   * @default unlimited
   */
  readonly maxAge?: number | undefined;
}

/** Tracks how much a thread was used, and whether it should be replaced. */
export class Wear {
  readonly #limits: WearLimits;
  readonly #onOld: () => void;
  #jobs = 0;
  /** This thread's own limit: 90 to 100 % of `maxJobs`. */
  #maxJobs = Number.POSITIVE_INFINITY;
  #old = false;
  #timer: NodeJS.Timeout | undefined;

  /** @param onOld called when the thread reaches its maximum age, whether or not it runs a job. */
  constructor(limits: WearLimits, onOld: () => void) {
    this.#limits = limits;
    this.#onOld = onOld;
  }

  /** Whether no job was sent to it yet. */
  get fresh(): boolean {
    return this.#jobs === 0;
  }

  /** Whether it should be replaced. */
  get wornOut(): boolean {
    return this.#old || this.#jobs >= this.#maxJobs;
  }

  /** Counts jobs that the thread gets. */
  use(jobs: number): void {
    this.#jobs += jobs;
  }

  /**
   * Starts over for a replacement. It draws limits of its own, so that threads which
   * started together do not end together.
   */
  renew(): void {
    const { maxJobs, maxAge } = this.#limits;
    this.stop();
    this.#jobs = 0;
    this.#old = false;
    this.#maxJobs = withJitter(maxJobs);
    const age = withJitter(maxAge);
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

/** A random 90 to 100 % of a limit. */
function withJitter(limit = Number.POSITIVE_INFINITY): number {
  return Math.ceil(limit * (1 - Math.random() / 10));
}
