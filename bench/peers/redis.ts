import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

/** BullMQ's guide to production advises an append-only file, synced every second; no eviction. */
const ADVISED = ["--appendonly", "yes", "--appendfsync", "everysec", "--save", "", "--maxmemory-policy", "noeviction"];

const exec = promisify(execFile);

/** A redis-server of our own on a free port, with its files in a temporary folder. */
export class Redis {
  readonly port: number;
  readonly version: string;
  readonly #server: ChildProcess;
  readonly #folder: string;

  private constructor(port: number, version: string, server: ChildProcess, folder: string) {
    this.port = port;
    this.version = version;
    this.#server = server;
    this.#folder = folder;
  }

  /** Returns null if there is no redis-server with redis-cli. */
  static async start(): Promise<Redis | null> {
    const said = await Promise.all([exec("redis-server", ["--version"]), exec("redis-cli", ["--version"])]).catch(
      () => null,
    );
    if (said === null) return null;
    const version = /v=(\S+)/.exec(said[0].stdout)?.[1] ?? "unknown";
    const folder = await mkdtemp(join(tmpdir(), "pg-baton-redis-"));
    const port = await freePort();
    const own = ["--port", `${port}`, "--bind", "127.0.0.1", "--dir", folder];
    const redis = new Redis(port, version, spawn("redis-server", [...own, ...ADVISED], { stdio: "ignore" }), folder);
    while (!(await redis.#tell("ping"))) await sleep(50);
    return redis;
  }

  async empty(): Promise<void> {
    if (!(await this.#tell("flushall"))) throw new Error("The redis-server does not answer");
  }

  async close(): Promise<void> {
    if (this.#server.exitCode === null && this.#server.signalCode === null) {
      const exited = once(this.#server, "exit");
      this.#server.kill();
      await Promise.race([exited, sleep(5_000)]);
    }
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #tell(command: string): Promise<boolean> {
    if (this.#server.exitCode !== null) throw new Error(`The redis-server ended with ${this.#server.exitCode}`);
    const { stdout } = await exec("redis-cli", ["-p", `${this.port}`, command]).catch(() => ({ stdout: "" }));
    return /^(?:OK|PONG)/.test(stdout);
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  return typeof address === "object" && address !== null ? address.port : 0;
}
