import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { basename } from "node:path";

/** What a child process sends: that it is ready, or what a request came to. */
export type Reply = { readonly value: unknown } | { readonly error: string };

/** Another process of the bench, asked one thing at a time. It ends with this one, however this one ends. */
export class Child {
  readonly #process: ChildProcess;
  readonly #name: string;

  private constructor(process: ChildProcess, name: string) {
    this.#process = process;
    this.#name = name;
  }

  /** Starts a module of `bench/processes` with an argument for it. Resolves when it is ready. */
  static async start(script: URL, argument: object, flags: readonly string[]): Promise<Child> {
    const process = fork(script, [JSON.stringify(argument)], {
      execArgv: ["--enable-source-maps", ...flags],
      // Its stdout is our stderr: on our stdout there is nothing but the report.
      stdio: ["ignore", 2, 2, "ipc"],
    });
    const child = new Child(process, basename(script.pathname, ".js"));
    await child.#reply();
    return child;
  }

  /** Has it do what one of its commands does, and resolves to what that returned. */
  async ask<Value>(command: string, value?: object): Promise<Value> {
    const reply = this.#reply();
    this.#process.send({ command, value });
    return (await reply) as Value;
  }

  /** Lets it end in order. */
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
