import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";

/** The message that a supervised process sends once it is up. */
export const UP = "pg-baton.up";

export interface SupervisorOptions {
  /** Starts the process, with an IPC channel. */
  readonly start: () => ChildProcess;
  /** Writes a line for the operator. */
  readonly say: (line: string) => void;
  /**
   * The pause before the first restart, in ms. It doubles with each restart.
   * @default 250
   */
  readonly first?: number;
  /**
   * The longest pause, in ms.
   * @default 30_000
   */
  readonly longest?: number;
  /**
   * The uptime in ms after which the pauses start over.
   * @default 60_000
   */
  readonly settled?: number;
}

/**
 * Restarts a process that dies, after a pause with exponential backoff and jitter.
 *
 * A process that was never up is not restarted: its arguments or environment are wrong. The
 * supervisor does nothing else, so that a crash of the process does not affect it.
 */
export class Supervisor {
  readonly #options: Required<SupervisorOptions>;
  readonly #stopping = new AbortController();
  #child: ChildProcess | undefined;
  #signals = 0;

  constructor(options: SupervisorOptions) {
    this.#options = { first: 250, longest: 30_000, settled: 60_000, ...options };
  }

  /**
   * Starts the process. Resolves to the exit status once it has ended and will not be restarted.
   */
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
      // After a signal any exit is intended, even death by that signal.
      if (this.#signals > 0) return status ?? (this.#signals > 1 ? 1 : 0);
      if (status === 0 || !everUp) return status ?? 1;
      if (performance.now() - upAt > settled) deaths = 1;
      const pause = this.#pause(deaths);
      say(`the host died (${signal ?? `status ${status}`}): restarting it in ${Math.round(pause)} ms`);
      await sleep(pause, undefined, { signal: this.#stopping.signal }).catch(() => {});
      if (this.#stopping.signal.aborted) return 0;
    }
  }

  /** Passes a signal on to the process. During a pause, ends the supervisor. */
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
