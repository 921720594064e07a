import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { Ending } from "./ending.js";

export interface HostSettings {
  readonly connection: string;
  readonly prefix: string;
  readonly threads: number;
  /** Whether to drop the schema if the parent is gone and cannot. */
  readonly drop: boolean;
}

export type HostReport = { readonly up: true } | { readonly up: false; readonly message: string };

/** The other host process, seen from its parent. */
export class Neighbour {
  readonly #process: ChildProcess;
  #leaving = false;

  /** @param onLost called when the process has ended by itself. */
  constructor(settings: HostSettings, onLost: (error: Ending) => void) {
    this.#process = fork(new URL("./host.js", import.meta.url), [JSON.stringify(settings)]);
    this.#process.once("exit", (code, signal) => {
      if (!this.#leaving) onLost(new Ending(`The other host process ended with ${signal ?? `code ${code}`}.`));
    });
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /**
   * Resolves when the process runs jobs.
   *
   * @throws {@link Ending}
   */
  async up(signal: AbortSignal): Promise<void> {
    const [report] = (await once(this.#process, "message", { signal })) as [HostReport];
    if (!report.up) throw new Ending(report.message);
  }

  /** Ends the process, and resolves when it has ended. */
  async leave(): Promise<void> {
    this.#leaving = true;
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const exited = once(this.#process, "exit");
    const patience = setTimeout(() => this.#process.kill("SIGKILL"), 5_000);
    if (this.#process.connected) this.#process.send("leave");
    await exited;
    clearTimeout(patience);
  }
}
