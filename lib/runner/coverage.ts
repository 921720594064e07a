import type { Engine } from "../engine/engine.js";
import { pairKey, type Unserved } from "../engine/unserved.js";
import type { Telemetry } from "../telemetry.js";
import { Periodic } from "./periodic.js";

/** ms between two checks. */
const INTERVAL = 10_000;

/**
 * Finds available jobs that no live host can run, because no host serves their queue, or no host of
 * the queue has their worker. Reports each pair of queue and worker once, until it is served again.
 */
export class Coverage {
  readonly #engine: Pick<Engine, "unservedNow">;
  readonly #telemetry: Telemetry;
  readonly #periodic: Periodic;
  #unserved: readonly Unserved[] = [];

  constructor(engine: Pick<Engine, "unservedNow">, telemetry: Telemetry, interval = INTERVAL) {
    this.#engine = engine;
    this.#telemetry = telemetry;
    this.#periodic = new Periodic({ name: "coverage", interval, work: () => this.#check(), telemetry });
  }

  /** The pairs that the last check found. */
  get unserved(): readonly Unserved[] {
    return this.#unserved;
  }

  start(): void {
    this.#periodic.start();
  }

  stop(): Promise<void> {
    return this.#periodic.stop();
  }

  async #check(): Promise<undefined> {
    const known = new Set(this.#unserved.map(keyOf));
    this.#unserved = await this.#engine.unservedNow();
    for (const found of this.#unserved) if (!known.has(keyOf(found))) this.#telemetry.emit("queue:unserved", found);
  }
}

function keyOf(unserved: Unserved): string {
  return `${pairKey(unserved)}\n${unserved.reason}`;
}
