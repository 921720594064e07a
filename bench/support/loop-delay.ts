import { monitorEventLoopDelay } from "node:perf_hooks";

/** ms between two samples; no finer resolution exists. */
const RESOLUTION = 1;

/**
 * Measures the delay of this process's event loop, to about 0.1 ms. Node's histogram holds the time
 * between two firings of a 1 ms timer, so that millisecond is subtracted.
 */
export class LoopDelay {
  readonly #histogram = monitorEventLoopDelay({ resolution: RESOLUTION });

  start(): void {
    this.#histogram.enable();
    this.#histogram.reset();
  }

  /** Stops, and returns the ms since {@link start}. */
  p99(): number {
    this.#histogram.disable();
    return Math.max(this.#histogram.percentile(99) / 1e6 - RESOLUTION, 0);
  }
}
