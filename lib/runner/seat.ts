import type { ClaimedJob } from "../job/job.js";
import type { Holds } from "./holds.js";

/** The part of a producer that its seats use. One object for all seats of a producer. */
export interface SeatOwner {
  readonly holds: Holds;
  /** Called to start the seat's job, which is claimed, in the promised thread. */
  readonly onRun: (job: ClaimedJob) => void;
  /** Called when the promised thread is free again. */
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

  /** Runs the job, which the insert has claimed. */
  run(job: ClaimedJob): void {
    const { holds, onRun } = this.#owner;
    holds.add(job);
    holds.settled(this);
    onRun(job);
  }

  /** Frees the thread: there is no job to run, or the insert failed and may have claimed one. */
  release(): void {
    this.#owner.holds.settled(this);
    this.#owner.onRelease();
  }
}
