import type { Engine } from "../engine/engine.js";
import type { ClaimedJob } from "../job/job.js";
import { retryDelay } from "../backoff.js";
import type { Telemetry } from "../telemetry.js";

/** ms between two rounds. */
const INTERVAL = 20;

/**
 * Counts the attempts of held jobs on their rows once they have run for 20 to 40 ms. A shorter
 * run is over by then, and the write of its outcome counts the attempt. So the death of a host
 * costs its waiting jobs no attempt, and short jobs cost no further statement (see "Held and
 * begun" in docs/semantics.md).
 */
export class Attempts {
  readonly #engine: Pick<Engine, "begin">;
  readonly #telemetry: Telemetry;
  /** Jobs that have started since the last round. */
  #recent = new Set<ClaimedJob>();
  /** Jobs that were running at the last round: the next one counts their attempts. */
  #due = new Set<ClaimedJob>();
  /** Set while a round is scheduled or under way. */
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(engine: Pick<Engine, "begin">, telemetry: Telemetry) {
    this.#engine = engine;
    this.#telemetry = telemetry;
  }

  /** Notes that a job starts. */
  started(job: ClaimedJob): void {
    if (job.begun) return;
    this.#recent.add(job);
    this.#schedule(INTERVAL);
  }

  /** Notes that a job has ended. The write of its outcome counts the attempt if need be. */
  ended(job: ClaimedJob): void {
    this.#recent.delete(job);
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
      this.#telemetry.emit("service:error", { service: "attempts", error });
    }
    for (const job of this.#recent) this.#due.add(job);
    this.#recent.clear();
    this.#timer = undefined;
    if (this.#due.size > 0) this.#schedule(delay);
  }
}
