import { type ChildProcess, fork } from "node:child_process";
import { entry } from "../entry.js";
import { DatabaseError } from "../errors.js";
import type { Installation } from "./installation.js";
import type { StopMode } from "./server.js";

/** What the keeper's process needs to know, passed as JSON in its arguments. */
export interface KeeperOptions {
  readonly installation: Installation;
  /** The absolute path of the data directory. Undefined for a temporary one. */
  readonly directory: string | undefined;
}

/** A command to the keeper's process. It sends one reply to each, in order. */
export type Command =
  | { readonly do: "prepare" }
  | { readonly do: "start"; readonly port: number | undefined; readonly settings: Readonly<Record<string, string>> }
  | { readonly do: "stop"; readonly mode: StopMode };

/** The reply to a {@link Command}. */
export type KeeperReply = ({ readonly ok: true } & Facts) | { readonly ok: false; readonly message: string };

/** The result of a command: of `prepare` the directory and password, of `start` the port. */
export interface Facts {
  readonly port?: number;
  readonly directory?: string;
  readonly password?: string;
}

/**
 * The process between this one and PostgreSQL. It ends the server and deletes temporary data when
 * this process ends, even by SIGKILL, so this process needs no signal handler. Keeps this process
 * alive only while a command is open.
 */
export class Keeper {
  readonly #process: ChildProcess;
  /** Resolves to how the process ended, for example `code 0` or `SIGKILL`. */
  readonly #exited: Promise<string>;
  /** Why the keeper accepts no more commands. Undefined while it does. */
  #gone: DatabaseError | undefined;
  #removed: Promise<void> | undefined;
  /** Settles with the last command. Never rejects. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: KeeperOptions) {
    const { NODE_OPTIONS: _, ...env } = process.env;
    this.#process = fork(entry("lib/embedded/keeper-process.js"), [JSON.stringify(options)], {
      // Ctrl-C in a terminal reaches every process of the group; the keeper must outlive this one.
      detached: true,
      env,
      execArgv: [],
      // stderr is shared: without its parent, the keeper can report errors nowhere else.
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    this.#exited = new Promise((resolve) => {
      const end = (how: string): void => {
        this.#gone ??= unreachable(
          `The keeper process of the embedded PostgreSQL ended: ${how}. Call startEmbedded() again.`,
        );
        resolve(how);
      };
      this.#process.on("error", (error) => end(error.message));
      this.#process.once("exit", (code, signal) => end(signal ?? `code ${code}`));
    });
    this.#process.unref();
    this.#process.channel?.unref();
  }

  /** Sends a command once the earlier ones have settled. Resolves to the facts of the reply. */
  send(command: Command): Promise<Facts> {
    const replied = this.#last.then(() => this.#exchange(command));
    this.#last = replied.catch(() => undefined);
    return replied;
  }

  /** Stops the server, deletes temporary data, and resolves once the keeper has ended. */
  remove(): Promise<void> {
    this.#removed ??= this.#remove();
    return this.#removed;
  }

  async #remove(): Promise<void> {
    const keeper = this.#process;
    await this.#last;
    this.#gone ??= unreachable("This embedded PostgreSQL was removed. Call startEmbedded() again.");
    keeper.ref();
    // The keeper cleans up when its channel closes, as if this process had died.
    if (keeper.connected) keeper.disconnect();
    const how = await this.#exited;
    if (how !== "code 0")
      throw unreachable(
        `The embedded PostgreSQL may have left its server or data behind: its keeper process ended with ${how}`,
      );
  }

  async #exchange(command: Command): Promise<Facts> {
    if (this.#gone) throw this.#gone;
    const keeper = this.#process;
    let settle: ((reply: KeeperReply) => void) | undefined;
    const replied = new Promise<KeeperReply>((resolve) => {
      settle = resolve;
      keeper.once("message", settle);
    });
    keeper.channel?.ref();
    keeper.ref();
    try {
      keeper.send(command);
      const reply = await Promise.race([replied, this.#exited]);
      if (typeof reply === "string") throw this.#gone;
      if (!reply.ok) throw unreachable(reply.message);
      return reply;
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
