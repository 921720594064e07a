import type { Acks } from "./acks.js";
import type { Membership } from "./membership.js";
import type { Threads } from "./threads/threads.js";

export interface CapacityOptions {
  readonly threads: Pick<Threads, "size">;
  /** How many threads the producers use, together. */
  readonly producers: { readonly running: number };
  readonly acks: Pick<Acks, "congested">;
  readonly membership: Pick<Membership, "fresh">;
}

/** The threads that the producers of a host share, and whether jobs may start in them. */
export class Capacity {
  readonly #options: CapacityOptions;

  constructor(options: CapacityOptions) {
    this.#options = options;
  }

  /** How many threads there are, free or not. */
  get size(): number {
    return this.#options.threads.size;
  }

  /** Threads that run no job and are not promised to one. */
  get free(): number {
    return this.#options.threads.size - this.#options.producers.running;
  }

  /**
   * Whether no job may be claimed or started now: too many outcomes are unwritten, or the host
   * cannot know whether the jobs it holds are still its own.
   */
  get closed(): boolean {
    return this.#options.acks.congested || !this.#options.membership.fresh;
  }
}
