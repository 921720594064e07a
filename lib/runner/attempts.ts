import type { ClaimedJob } from "../job/job.js";
import type { Engine } from "../engine/engine.js";
import { retryDelay } from "../backoff.js";
import type { Telemetry } from "../telemetry.js";

/** ms between two rounds. */
const INTERVAL = 20;

/**
 * Counts on their rows the attempts of jobs that were only held when they were claimed, once they have run for 20 to 40 ms:
 * what takes less is over by then, and its end counts it. So a job that waits on a host which dies loses no attempt,
 * and thousands of short ones a second cost no statement more.
 */
export class Attempts {
  readonly #engine: Engine;
  readonly #telemetry: Telemetry;
  /** Begun since the last round. */
  #fresh = new Set<ClaimedJob>();
  /** Begun before, and not yet written. */
  #due = new Set<ClaimedJob>();
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(engine: Engine, telemetry: Telemetry) {
    this.#engine = engine;
    this.#telemetry = telemetry;
  }

  begin(job: ClaimedJob): void {
    if (job.begun) return;
    this.#fresh.add(job);
    this.#schedule(INTERVAL);
  }

  end(job: ClaimedJob): void {
    this.#fresh.delete(job);
    this.#due.delete(job);
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #schedule(delay: number): void {
    if (this.#timer !== undefined || this.#stopped) return;
    this.#timer = setTimeout(() => void this.#round(), delay);
  }

  async #round(): Promise<void> {
    const jobs = [...this.#due];
    let delay = INTERVAL;
    try {
      if (jobs.length > 0) await this.#engine.begin(jobs);
      for (const job of jobs) this.#due.delete(job);
    } catch (error) {
      delay = retryDelay(5);
      this.#telemetry.emit("service:error", { service: "marker", error });
    }
    for (const job of this.#fresh) this.#due.add(job);
    this.#fresh.clear();
    this.#timer = undefined;
    if (this.#due.size > 0) this.#schedule(delay);
  }
}
