import { monitorEventLoopDelay } from "node:perf_hooks";

/** ms between two looks: the finest there is. */
const RESOLUTION = 1;

/**
 * How late this process's event loop is. Node's histogram holds the time between two firings of a 1 ms timer, so an idle
 * loop reads a little over 1 ms: that millisecond is taken off. What is left is the delay that a timer or a socket saw, to
 * about 0.1 ms.
 */
export class LoopDelay {
  readonly #histogram = monitorEventLoopDelay({ resolution: RESOLUTION });

  start(): void {
    this.#histogram.enable();
    this.#histogram.reset();
  }

  /** ms, since {@link start}. */
  p99(): number {
    this.#histogram.disable();
    return Math.max(this.#histogram.percentile(99) / 1e6 - RESOLUTION, 0);
  }
}
