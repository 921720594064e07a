import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { Ending } from "./ending.js";

export interface HostSettings {
  readonly connection: string;
  readonly prefix: string;
  readonly threads: number;
  /** Whether the schema is to go, should the parent not be there to do it. */
  readonly drop: boolean;
}

export type HostReport = { readonly up: true } | { readonly up: false; readonly message: string };

/** The other host process, as its parent holds it. */
export class Neighbour {
  readonly #process: ChildProcess;
  #leaving = false;

  /** @param onLost is told when it has ended unasked. */
  constructor(settings: HostSettings, onLost: (error: Ending) => void) {
    this.#process = fork(new URL("./host.js", import.meta.url), [JSON.stringify(settings)]);
    this.#process.once("exit", (code, signal) => {
      if (!this.#leaving) onLost(new Ending(`The other host process ended with ${signal ?? `code ${code}`}.`));
    });
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** Resolves when it takes jobs. Throws {@link Ending}. */
  async up(signal: AbortSignal): Promise<void> {
    const [report] = (await once(this.#process, "message", { signal })) as [HostReport];
    if (!report.up) throw new Ending(report.message);
  }

  /** Ends it, and resolves when it has ended. */
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
