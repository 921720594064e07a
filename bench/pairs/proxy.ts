import { type AddressInfo, connect, createServer, type Server } from "node:net";

const READY = "Z".charCodeAt(0);
const HEADER = 5;

/** A TCP proxy that counts the bytes of both directions, and completed statements. */
export class CountingProxy {
  bytes = 0;
  statements = 0;
  readonly #server: Server;

  constructor(target: URL) {
    this.#server = createServer((client) => {
      const server = connect(Number(target.port), target.hostname);
      for (const [from, to] of [
        [client, server],
        [server, client],
      ] as const) {
        from.on("data", (chunk) => {
          this.bytes += chunk.length;
          to.write(chunk);
        });
        from.on("error", () => {});
        from.on("close", () => to.destroy());
      }
      let left: Buffer = Buffer.alloc(0);
      server.on("data", (chunk) => {
        left = Buffer.concat([left, chunk]);
        while (left.length >= HEADER && left.length > left.readInt32BE(1)) {
          if (left[0] === READY) this.statements += 1;
          left = left.subarray(left.readInt32BE(1) + 1);
        }
      });
    });
  }

  /** Starts the proxy, and returns the URL of the same database through it. */
  async start(url: string): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    const through = new URL(url);
    through.port = String((this.#server.address() as AddressInfo).port);
    return through.href;
  }

  stop(): void {
    this.#server.close();
  }
}
