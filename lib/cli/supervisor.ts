import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";

/** What a supervised process sends when it is up. */
export const UP = "pg-baton.up";

export interface SupervisorOptions {
  /** Starts the process, with an IPC channel. */
  readonly start: () => ChildProcess;
  readonly say: (line: string) => void;
  /** ms until the first restart, and at most; it doubles from one to the next. Default 250 and 30,000. */
  readonly first?: number;
  readonly longest?: number;
  /** ms for which a process must have been up for the next restart to be a first one again. Default 60,000. */
  readonly settled?: number;
}

/**
 * Keeps a process up: one that dies is started again after a pause. One that has never been up is not: what is wrong then is the
 * call, or where it was made. Holds nothing and does nothing else, so that whatever takes the process down spares it.
 */
export class Supervisor {
  readonly #options: Required<SupervisorOptions>;
  readonly #stopping = new AbortController();
  #child: ChildProcess | undefined;
  #signals = 0;

  constructor(options: SupervisorOptions) {
    this.#options = { first: 250, longest: 30_000, settled: 60_000, ...options };
  }

  /** Resolves, when the process has ended for good, to the exit status. */
  async run(): Promise<number> {
    const { start, say, settled } = this.#options;
    let everUp = false;
    for (let deaths = 1; ; deaths += 1) {
      const child = start();
      this.#child = child;
      let upAt = Number.POSITIVE_INFINITY;
      child.on("message", (message) => {
        if (message === UP) upAt = performance.now();
      });
      const [status, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
      this.#child = undefined;
      everUp ||= upAt < performance.now();
      // One that was told to end has ended as told, also where it did not get to hear it in order.
      if (this.#signals > 0) return status ?? (this.#signals > 1 ? 1 : 0);
      if (status === 0 || !everUp) return status ?? 1;
      if (performance.now() - upAt > settled) deaths = 1;
      const pause = this.#pause(deaths);
      say(`the host died (${signal ?? `status ${status}`}): it is started again in ${Math.round(pause)} ms`);
      await sleep(pause, undefined, { signal: this.#stopping.signal }).catch(() => {});
      if (this.#stopping.signal.aborted) return 0;
    }
  }

  /** Passes a signal on; in a pause it ends all. */
  signal(name: NodeJS.Signals): void {
    this.#signals += 1;
    this.#stopping.abort();
    this.#child?.kill(name);
  }

  #pause(deaths: number): number {
    const { first, longest } = this.#options;
    return Math.min(longest, first * 2 ** Math.min(deaths - 1, 30)) * (0.75 + Math.random() / 4);
  }
}
