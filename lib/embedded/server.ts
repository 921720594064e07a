import { type ChildProcess, execFile, spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import type { Account } from "./account.js";
import type { Kit } from "./kit.js";

/**
 * How to stop the server: `fast` ends every session and writes a checkpoint,
 * `immediate` is a crash.
 */
export type StopMode = "fast" | "immediate";

/** The number of lines of PostgreSQL's log that an error quotes. */
const TAIL = 20;
/** The number of ports to try. */
const TRIES = 10;
/**
 * Below the range of ports for outgoing connections, so that the port of a
 * stopped server stays free.
 */
const PORTS = [15_000, 32_000] as const;

/** A PostgreSQL server on one data directory. Used in the keeper's process. */
export class Server {
  readonly #kit: Kit;
  readonly #directory: string;
  readonly #account: Account | undefined;
  /** 0 before the first start. */
  #port = 0;
  #process: ChildProcess | undefined;
  #exited: Promise<void> = Promise.resolve();
  /** The last lines of its log, at most `TAIL`. */
  #log: string[] = [];

  constructor(kit: Kit, directory: string, account: Account | undefined) {
    this.#kit = kit;
    this.#directory = directory;
    this.#account = account;
  }

  /**
   * Starts the server unless it is running. Resolves to its port, by default a free one,
   * once it accepts connections.
   */
  async start(port: number | undefined, settings: Readonly<Record<string, string>>): Promise<number> {
    if (this.#process) return this.#port;
    for (let left = TRIES; ; left--) {
      this.#port = port ?? randomInt(...PORTS);
      if (await this.#launch(this.#port, settings)) return this.#port;
      const log = this.#log.join("\n");
      const clash = /could not bind|could not create any TCP\/IP sockets/.test(log);
      if (port !== undefined || !clash || left <= 1)
        throw new Error(`PostgreSQL did not start on port ${this.#port}. Its log says:\n${log}`);
    }
  }

  async stop(mode: StopMode): Promise<void> {
    const child = this.#process;
    if (child === undefined) return;
    // Windows has no such signals: pg_ctl uses the server's own.
    if (process.platform === "win32") {
      await promisify(execFile)(this.#kit.binary("pg_ctl"), ["stop", "-D", this.#directory, "-m", mode]);
    } else {
      child.kill(mode === "fast" ? "SIGINT" : "SIGQUIT");
    }
    await this.#exited;
  }

  /** Resolves to whether the server came up. If not, its process has ended. */
  async #launch(port: number, settings: Readonly<Record<string, string>>): Promise<boolean> {
    const place = { port, listen_addresses: "127.0.0.1", unix_socket_directories: "" };
    const log = { log_destination: "stderr", logging_collector: "off", log_min_messages: "warning" };
    const args = Object.entries({ ...settings, ...place, ...log }).flatMap(([name, value]) => [
      "-c",
      `${name}=${value}`,
    ]);
    const child = spawn(this.#kit.binary("postgres"), ["-D", this.#directory, ...args], {
      cwd: this.#kit.folder,
      // The code below parses the log, so it must not be translated.
      env: { ...process.env, LC_ALL: "C" },
      stdio: ["ignore", "ignore", "pipe"],
      windowsHide: true,
      ...this.#account,
    });
    this.#process = child;
    this.#log = [];
    const ended = new Promise<void>((resolve) => {
      const end = (): void => {
        this.#process = undefined;
        resolve();
      };
      child.once("close", end);
      child.once("error", (error) => {
        this.#log.push(error.message);
        if (child.pid === undefined) end();
      });
    });
    this.#exited = ended;
    const ready = new Promise<boolean>((resolve) => {
      // Read until the server ends: it would block on a full pipe.
      createInterface({ input: child.stderr }).on("line", (line) => {
        this.#log.push(line);
        if (this.#log.length > TAIL) this.#log.shift();
        if (line.includes("database system is ready to accept connections")) resolve(true);
      });
    });
    return await Promise.race([ready, ended.then(() => false)]);
  }
}
