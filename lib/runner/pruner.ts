import type { Engine } from "../engine/engine.js";
import type { Telemetry } from "../telemetry.js";
import { Periodic } from "./periodic.js";

const INTERVAL = 30_000;
const BATCH = 5_000;

/** Removes finished rows whose time is over: each by the retention of the host that finished it. */
export class Pruner {
  readonly #periodic: Periodic;

  constructor(engine: Engine, retention: number, telemetry: Telemetry) {
    const work = async () => {
      const { pruned, dated } = await engine.prune(BATCH);
      if (pruned > 0) telemetry.emit("prune", { jobs: pruned });
      // What got its time may be over it already.
      return pruned === BATCH || dated > 0 ? 0 : undefined;
    };
    // A short retention is worth looking at more often.
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
