import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis as Client } from "ioredis";

/** BullMQ's guide to production: an append-only file, written out once a second; never evict. */
const ADVISED = ["--appendonly", "yes", "--appendfsync", "everysec", "--save", "", "--maxmemory-policy", "noeviction"];

/** A redis-server of our own on a free port, with its files in a temporary folder. */
export class Redis {
  readonly port: number;
  readonly version: string;
  readonly #server: ChildProcess;
  readonly #folder: string;
  readonly #client: Client;

  private constructor(port: number, version: string, server: ChildProcess, folder: string, client: Client) {
    this.port = port;
    this.version = version;
    this.#server = server;
    this.#folder = folder;
    this.#client = client;
  }

  /** null where there is no redis-server. */
  static async start(): Promise<Redis | null> {
    const folder = await mkdtemp(join(tmpdir(), "pg-baton-redis-"));
    const port = await freePort();
    const own = ["--port", `${port}`, "--bind", "127.0.0.1", "--dir", folder];
    const server = spawn("redis-server", [...own, ...ADVISED], { stdio: "ignore" });
    const started = await once(server, "spawn").then(
      () => true,
      () => false,
    );
    if (!started) {
      await rm(folder, { recursive: true, force: true });
      return null;
    }
    const client = new Client(port);
    // It retries by itself until the server listens.
    client.on("error", () => {});
    const version = /redis_version:(\S+)/.exec(await client.info("server"))?.[1] ?? "unknown";
    return new Redis(port, version, server, folder, client);
  }

  async empty(): Promise<void> {
    await this.#client.flushall();
  }

  async close(): Promise<void> {
    this.#client.disconnect();
    if (this.#server.exitCode === null && this.#server.signalCode === null) {
      const exited = once(this.#server, "exit");
      this.#server.kill();
      await Promise.race([exited, sleep(5_000)]);
    }
    await rm(this.#folder, { recursive: true, force: true });
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
