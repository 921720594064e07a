import { type ChildProcess, fork } from "node:child_process";
import { entry } from "../entry.js";
import { DatabaseError } from "../errors.js";
import type { Installation } from "./installation.js";
import type { StopMode } from "./server.js";

export interface KeeperOptions {
  readonly installation: Installation;
  /** Absolute. Undefined for a temporary one. */
  readonly directory: string | undefined;
}

/** What the keeper's process is asked; it answers each in turn. */
export type Command =
  | { readonly do: "prepare" }
  | { readonly do: "start"; readonly port: number | undefined; readonly settings: Readonly<Record<string, string>> }
  | { readonly do: "stop"; readonly mode: StopMode };

export type KeeperReply = ({ readonly ok: true } & Facts) | { readonly ok: false; readonly message: string };

export interface Facts {
  readonly port?: number;
  readonly directory?: string;
  readonly password?: string;
}

/**
 * The process that stands between us and PostgreSQL, so that the server and its data go when this process goes, be it by
 * SIGKILL, and so that nobody's signal handlers need touching. It keeps this process alive only while a command is open.
 */
export class Keeper {
  readonly #process: ChildProcess;
  /** Resolves to how it ended. */
  readonly #exited: Promise<string>;
  #gone: DatabaseError | undefined;
  #removed: Promise<void> | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: KeeperOptions) {
    const { NODE_OPTIONS: _, ...env } = process.env;
    this.#process = fork(entry("lib/embedded/keeper-process.js"), [JSON.stringify(options)], {
      // A group of its own: Ctrl-C in a terminal goes to the whole group of the one who pressed it.
      detached: true,
      env,
      execArgv: [],
      // On stderr: what it cannot tell because we are gone.
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    this.#exited = new Promise((resolve) => {
      const end = (how: string): void => {
        this.#gone ??= unreachable(`The process that keeps the embedded PostgreSQL ended: ${how}. Start a new one.`);
        resolve(how);
      };
      this.#process.on("error", (error) => end(error.message));
      this.#process.once("exit", (code, signal) => end(signal ?? `code ${code}`));
    });
    this.#process.unref();
    this.#process.channel?.unref();
  }

  /** Asks for one thing and resolves to what the keeper says of it. Commands go one after the other. */
  ask(command: Command): Promise<Facts> {
    const asked = this.#last.then(() => this.#exchange(command));
    this.#last = asked.catch(() => undefined);
    return asked;
  }

  /** Stops the server, deletes what was made for it, and resolves when the keeper has ended. */
  remove(): Promise<void> {
    this.#removed ??= this.#remove();
    return this.#removed;
  }

  async #remove(): Promise<void> {
    const keeper = this.#process;
    await this.#last;
    this.#gone ??= unreachable("This embedded PostgreSQL was removed. Start a new one.");
    keeper.ref();
    // The same as if this process had died: then, too, the keeper cleans up.
    if (keeper.connected) keeper.disconnect();
    const how = await this.#exited;
    if (how !== "code 0")
      throw unreachable(`The embedded PostgreSQL may not be cleaned up, because its keeper ended: ${how}`);
  }

  async #exchange(command: Command): Promise<Facts> {
    if (this.#gone) throw this.#gone;
    const keeper = this.#process;
    let settle: ((answer: KeeperReply) => void) | undefined;
    const answered = new Promise<KeeperReply>((resolve) => {
      settle = resolve;
      keeper.once("message", settle);
    });
    keeper.channel?.ref();
    keeper.ref();
    try {
      keeper.send(command);
      const answer = await Promise.race([answered, this.#exited]);
      if (typeof answer === "string") throw this.#gone;
      if (!answer.ok) throw unreachable(answer.message);
      return answer;
    } finally {
      if (settle) keeper.off("message", settle);
      keeper.channel?.unref();
      keeper.unref();
    }
  }
}

function unreachable(message: string): DatabaseError {
  return new DatabaseError("ERR_BATON_DATABASE_UNREACHABLE", message);
}
