import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { finished } from "node:stream/promises";

const NOTIFICATION = "A".charCodeAt(0);
const HEADER = 5;

/**
 * A way to the database on which LISTEN is accepted and no notification ever arrives, as behind PgBouncer in transaction
 * mode: it takes them out of what the server sends. Can be told to let them through.
 */
export class DeafProxy {
  deaf = true;
  readonly #target: URL;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(target: string) {
    this.#target = new URL(target);
    this.#server = createServer((client) => this.#join(client));
  }

  /** Starts it; the URL of the same database by way of it. */
  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    const url = new URL(this.#target);
    url.hostname = "127.0.0.1";
    url.port = String((this.#server.address() as AddressInfo).port);
    return url.href;
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #join(client: Socket): void {
    const server = connect(Number(this.#target.port || 5_432), this.#target.hostname);
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(socket);
      const ended = (): void => {
        this.#sockets.delete(socket);
        other.destroy();
      };
      finished(socket).then(ended, ended);
    }
    client.on("data", (bytes) => server.write(bytes));
    let left: Buffer = Buffer.alloc(0);
    server.on("data", (bytes) => {
      left = Buffer.concat([left, bytes]);
      while (left.length >= HEADER && left.length > left.readInt32BE(1)) {
        const size = left.readInt32BE(1) + 1;
        if (!this.deaf || left[0] !== NOTIFICATION) client.write(left.subarray(0, size));
        left = left.subarray(size);
      }
    });
  }
}
