import type { Engine } from "../postgres/engine.js";
import type { Telemetry } from "../telemetry.js";
import { Periodic } from "./periodic.js";

const INTERVAL = 30_000;
const BATCH = 5_000;

/** Removes rows that ended more than the retention ago. */
export class Pruner {
  readonly #periodic: Periodic;

  constructor(engine: Engine, retention: number, telemetry: Telemetry) {
    const work = async () => {
      const jobs = await engine.prune(retention, BATCH);
      if (jobs > 0) telemetry.emit("prune", { jobs });
      return jobs === BATCH ? 0 : undefined;
    };
    const interval = Math.max(1_000, Math.min(INTERVAL, retention));
    this.#periodic = new Periodic({ name: "pruner", interval, work, telemetry });
  }

  start(): void {
    this.#periodic.start();
  }

  stop(): Promise<void> {
    return this.#periodic.stop();
  }
}
