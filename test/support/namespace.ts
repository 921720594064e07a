import { execFileSync, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { NodeProcess } from "./process.js";

/**
 * A network namespace (Linux, as root): to the network a machine of its
 * own, linked to this one by a pair of virtual cards.
 */
export class Namespace implements Disposable {
  /** The address at which processes inside reach this machine. */
  readonly outside: string;
  readonly #name = `baton-${process.pid}`;
  readonly #cards = [`bo${process.pid}`, `bi${process.pid}`] as const;

  /** Throws if the system does not allow it. */
  constructor() {
    const net = `10.219.${process.pid % 256}`;
    const [outer, inner] = this.#cards;
    this.outside = `${net}.1`;
    try {
      ip("netns", "add", this.#name);
      ip("link", "add", outer, "type", "veth", "peer", "name", inner, "netns", this.#name);
      ip("addr", "add", `${net}.1/30`, "dev", outer);
      ip("link", "set", outer, "up");
      ip("-n", this.#name, "addr", "add", `${net}.2/30`, "dev", inner);
      ip("-n", this.#name, "link", "set", inner, "up");
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** Takes the link down. Neither side is notified. */
  down(): void {
    ip("-n", this.#name, "link", "set", this.#cards[1], "down");
  }

  up(): void {
    ip("-n", this.#name, "link", "set", this.#cards[1], "up");
  }

  /** Starts a Node.js process in the namespace. */
  spawn(script: URL, args: readonly string[]): NodeProcess {
    const path = fileURLToPath(script);
    const command = ["netns", "exec", this.#name, process.execPath, "--enable-source-maps", path, ...args];
    return new NodeProcess(spawn("ip", command, { stdio: ["ignore", "pipe", "pipe", "ipc"] }), path);
  }

  [Symbol.dispose](): void {
    for (const what of [
      ["link", "del", this.#cards[0]],
      ["netns", "del", this.#name],
    ]) {
      try {
        ip(...what);
      } catch {
        // It was not created.
      }
    }
  }
}

function ip(...args: string[]): void {
  execFileSync("ip", args, { stdio: ["ignore", "ignore", "pipe"] });
}
