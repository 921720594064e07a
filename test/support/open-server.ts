import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { appendFile, mkdtemp, readFile, rm } from "node:fs/promises";
import { createInterface } from "node:readline";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { unprivilegedAccount } from "../../lib/embedded/account.js";
import { findInstallation } from "../../lib/embedded/installation.js";
import { Kit, PASSWORD_FILE } from "../../lib/embedded/kit.js";

/** A PostgreSQL that accepts connections of other machines, which `startEmbedded` never does. */
export class OpenServer {
  readonly #process: ChildProcess;
  readonly #directory: string;
  readonly #url: URL;

  private constructor(process: ChildProcess, directory: string, url: URL) {
    this.#process = process;
    this.#directory = directory;
    this.#url = url;
  }

  static async start(port: number): Promise<OpenServer> {
    const account = await unprivilegedAccount();
    const kit = await Kit.open(findInstallation(), account);
    const directory = await mkdtemp(join(tmpdir(), "baton-open-"));
    await kit.furnish(directory);
    await appendFile(join(directory, "pg_hba.conf"), "host all all 10.219.0.0/16 scram-sha-256\n");
    const password = (await readFile(join(directory, PASSWORD_FILE), "utf8")).trim();
    const settings = { port, listen_addresses: "*", unix_socket_directories: "", fsync: "off", max_connections: 100 };
    const flags = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
    const child = spawn(kit.binary("postgres"), ["-D", directory, ...flags], {
      cwd: kit.folder,
      env: { ...process.env, LC_ALL: "C" },
      stdio: ["ignore", "ignore", "pipe"],
      ...account,
    });
    await new Promise<void>((resolve, reject) => {
      const log: string[] = [];
      child.once("exit", () => reject(new Error(`PostgreSQL did not start:\n${log.join("\n")}`)));
      createInterface({ input: child.stderr }).on("line", (line) => {
        log.push(line);
        if (line.includes("ready to accept connections")) resolve();
      });
    });
    return new OpenServer(child, directory, new URL(`postgres://postgres:${password}@127.0.0.1:${port}/postgres`));
  }

  /** The URL for clients that reach this machine at `address`. */
  url(address = "127.0.0.1"): string {
    const url = new URL(this.#url);
    url.hostname = address;
    return url.href;
  }

  async stop(): Promise<void> {
    const exited = once(this.#process, "exit");
    this.#process.kill("SIGINT");
    await exited;
    await rm(this.#directory, { recursive: true, force: true });
  }
}
