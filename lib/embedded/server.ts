import { type ChildProcess, execFile, spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import type { Account } from "./account.js";
import type { Kit } from "./kit.js";

/** `fast` ends every session and writes a checkpoint; `immediate` is a crash: the next start recovers from the log. */
export type StopMode = "fast" | "immediate";

/** Lines of PostgreSQL's own log that an error quotes. */
const TAIL = 20;
/** How many ports to try before giving up. */
const TRIES = 10;
/** Below the range from which systems take ports for outgoing connections, so that a stopped server's port stays free. */
const PORTS = [15_000, 32_000] as const;

/** One PostgreSQL server process on one data directory. Lives in the keeper's process. */
export class Server {
  readonly #kit: Kit;
  readonly #directory: string;
  readonly #account: Account | undefined;
  #port = 0;
  #process: ChildProcess | undefined;
  #exited: Promise<void> = Promise.resolve();
  #log: string[] = [];

  constructor(kit: Kit, directory: string, account: Account | undefined) {
    this.#kit = kit;
    this.#directory = directory;
    this.#account = account;
  }

  /** Starts it, unless it runs, and resolves to its port once it accepts connections. Without a port it takes a free one. */
  async start(port: number | undefined, settings: Readonly<Record<string, string>>): Promise<number> {
    if (this.#process) return this.#port;
    for (let left = TRIES; ; left--) {
      this.#port = port ?? randomInt(...PORTS);
      if (await this.#launch(this.#port, settings)) return this.#port;
      const log = this.#log.join("\n");
      const clash = /could not bind|could not create any TCP\/IP sockets/.test(log);
      if (port !== undefined || !clash || left <= 1) throw new Error(`PostgreSQL did not start. Its log says:\n${log}`);
    }
  }

  async stop(mode: StopMode): Promise<void> {
    const child = this.#process;
    if (child === undefined) return;
    // Windows has no such signals to send: there the server's own tool must ask.
    if (process.platform === "win32") {
      await promisify(execFile)(this.#kit.binary("pg_ctl"), ["stop", "-D", this.#directory, "-m", mode]);
    } else {
      child.kill(mode === "fast" ? "SIGINT" : "SIGQUIT");
    }
    await this.#exited;
  }

  /** Whether it came up; when it did not, it has ended. */
  async #launch(port: number, settings: Readonly<Record<string, string>>): Promise<boolean> {
    const place = { port, listen_addresses: "127.0.0.1", unix_socket_directories: "" };
    const log = { log_destination: "stderr", logging_collector: "off", log_min_messages: "warning" };
    const args = Object.entries({ ...settings, ...place, ...log }).flatMap(([name, value]) => [
      "-c",
      `${name}=${value}`,
    ]);
    const child = spawn(this.#kit.binary("postgres"), ["-D", this.#directory, ...args], {
      cwd: this.#kit.folder,
      // Its log is read below, so it must not be translated.
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
      // Read for as long as it lives: a full pipe would bring the server to a halt.
      createInterface({ input: child.stderr }).on("line", (line) => {
        this.#log.push(line);
        if (this.#log.length > TAIL) this.#log.shift();
        if (line.includes("database system is ready to accept connections")) resolve(true);
      });
    });
    return await Promise.race([ready, ended.then(() => false)]);
  }
}
