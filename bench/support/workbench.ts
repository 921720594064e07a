import { Child } from "./child.js";
import type { Bench } from "./question.js";
import type { Server } from "./server.js";

/** Provides questions with databases and processes, and ends the processes between questions. */
export class Workbench implements Bench {
  readonly #server: Server;
  readonly #flags: readonly string[];
  readonly #children: Child[] = [];

  constructor(server: Server, profile: string | undefined) {
    this.#server = server;
    this.#flags = profile === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${profile}`];
  }

  database(): Promise<string> {
    return this.#server.database();
  }

  async child(script: URL, argument: object, flags: readonly string[] = []): Promise<Child> {
    const child = await Child.start(script, argument, [...this.#flags, ...flags]);
    this.#children.push(child);
    return child;
  }

  /** Ends the processes. */
  async clear(): Promise<void> {
    await Promise.all(this.#children.splice(0).map((child) => child.stop()));
  }
}
