import type { Engine } from "../engine/engine.js";
import type { Telemetry } from "../telemetry.js";
import { Periodic } from "./periodic.js";

/** ms between two rounds, if the retention is no shorter. */
const INTERVAL = 30_000;
/** Most rows that one round removes. */
const BATCH = 5_000;

/** Removes finished rows once the retention of the host that finished them is over. */
export class Pruner {
  readonly #periodic: Periodic;

  constructor(engine: Engine, retention: number, telemetry: Telemetry) {
    const work = async () => {
      const { pruned, dated } = await engine.prune(BATCH);
      if (pruned > 0) telemetry.emit("prune", { jobs: pruned });
      // Rows that have just got their `expires_at` may be past it already.
      return pruned === BATCH || dated > 0 ? 0 : undefined;
    };
    // Rows should not outlive a short retention many times over.
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
