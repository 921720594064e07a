import type { ClaimedJob } from "../job/job.js";
import type { Holds } from "./holds.js";

/** What a seat needs of the producer that gave it. One object for all seats of a producer. */
export interface SeatOwner {
  readonly holds: Holds;
  /** The seat's job is claimed: starts it in the promised thread. */
  readonly onRun: (job: ClaimedJob) => void;
  /** The promised thread is free again. */
  readonly onRelease: () => void;
}

/**
 * A free thread promised to a job that this process is about to insert as claimed. From its
 * creation on the insert counts as under way (see {@link Holds}). Exactly one of {@link run} and
 * {@link release} must follow.
 */
export class Seat {
  readonly #owner: SeatOwner;

  constructor(owner: SeatOwner) {
    this.#owner = owner;
    owner.holds.sent(this);
  }

  /** The insert has claimed the job: runs it. */
  run(job: ClaimedJob): void {
    const { holds, onRun } = this.#owner;
    holds.add(job);
    holds.settled(this);
    onRun(job);
  }

  /** There is no job to run, or the insert failed and nobody knows whether there is one. */
  release(): void {
    this.#owner.holds.settled(this);
    this.#owner.onRelease();
  }
}
