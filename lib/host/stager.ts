import type { Engine } from "../postgres/engine.js";
import type { Telemetry } from "../telemetry.js";
import { Periodic } from "./periodic.js";

/** ms between looks: a scheduled job starts at most about this late. */
const INTERVAL = 700;
const BATCH = 5_000;

/** Makes scheduled and retryable jobs available when their time has come. Every host does; they pass over each other's rows. */
export class Stager {
  readonly #periodic: Periodic;

  constructor(engine: Engine, telemetry: Telemetry) {
    const work = async () => {
      const jobs = await engine.stage(BATCH);
      if (jobs > 0) telemetry.emit("stage", { jobs });
      return jobs === BATCH;
    };
    this.#periodic = new Periodic({ name: "stager", interval: INTERVAL, work, telemetry });
  }

  start(): void {
    this.#periodic.start();
  }

  stop(): Promise<void> {
    return this.#periodic.stop();
  }
}
