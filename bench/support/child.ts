import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { basename } from "node:path";

/** A message of a child process: that it is ready, or the result of a request. */
export type Reply = { readonly value: unknown } | { readonly error: string };

/** Another process of the bench. Takes one request at a time, and ends with this process. */
export class Child {
  readonly #process: ChildProcess;
  readonly #name: string;

  private constructor(process: ChildProcess, name: string) {
    this.#process = process;
    this.#name = name;
  }

  /** Starts a module of `bench/processes` with an argument, and waits until it is ready. */
  static async start(script: URL, argument: object, flags: readonly string[]): Promise<Child> {
    const process = fork(script, [JSON.stringify(argument)], {
      execArgv: ["--enable-source-maps", ...flags],
      // To stderr, since stdout carries the report alone.
      stdio: ["ignore", 2, 2, "ipc"],
    });
    const child = new Child(process, basename(script.pathname, ".js"));
    await child.#reply();
    return child;
  }

  /** Runs one of its commands and returns the result. */
  async ask<Value>(command: string, value?: object): Promise<Value> {
    const reply = this.#reply();
    this.#process.send({ command, value });
    return (await reply) as Value;
  }

  /** Lets it close its resources, and waits until it has exited. */
  async stop(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const exited = once(this.#process, "exit");
    this.#process.disconnect();
    await exited;
  }

  #reply(): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const child = this.#process;
      const settle = (act: () => void): void => {
        child.off("message", onMessage).off("exit", onExit);
        act();
      };
      const onMessage = (reply: Reply): void => {
        settle(() => ("error" in reply ? reject(new Error(`${this.#name}: ${reply.error}`)) : resolve(reply.value)));
      };
      const onExit = (code: number | null, signal: string | null): void => {
        settle(() => reject(new Error(`The process ${this.#name} ended with ${signal ?? `code ${code}`}`)));
      };
      child.on("message", onMessage).on("exit", onExit);
    });
  }
}
