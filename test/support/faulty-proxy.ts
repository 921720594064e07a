import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { Trickle } from "./trickle.js";

/** The kinds of connections that a fault can hit. */
export type Kind = "listeners" | "statements";

const NOTIFICATION = "A".charCodeAt(0);
const BACKEND_KEY_DATA = "K".charCodeAt(0);
const HEADER = 5;
const ALL: readonly Kind[] = ["listeners", "statements"];

/** One connection through the proxy. */
interface Line {
  kind: Kind;
  /** Has lost bytes. It never recovers, as no real connection would. */
  dead: boolean;
  /** The next reply is lost, and then the connection is cut. */
  losing: boolean;
  readonly client: Socket;
  readonly server: Socket;
  /** Whether the client has sent its startup message. */
  begun: boolean;
  readonly toClient: Trickle;
  readonly toServer: Trickle;
}

/**
 * A proxy to the database with faults on demand: it cuts connections, swallows bytes
 * without an error, drops notifications as PgBouncer in transaction mode does, loses
 * the reply to a statement, slows lines down, and shakes hands as poolers do.
 */
export class FaultyProxy {
  /** Drops notifications. */
  deaf = false;
  /** Reports an invented server process in the handshake, as poolers do. */
  inventsProcesses = false;
  /** Refuses new connections, as a server at its limit does. */
  full = false;
  /**
   * The next connection that sends this statement swallows it and
   * everything after it. Null again then.
   */
  numbAt: string | null = null;
  /** Refuses connections that set startup options, with this message. */
  refusesOptions: string | null = null;
  /** Bytes a second that each line passes in each direction. */
  rate = Number.POSITIVE_INFINITY;
  /** Connections that were refused. */
  refusals = 0;
  readonly #target: URL;
  readonly #server: Server;
  readonly #lines = new Set<Line>();
  #swallowing = false;
  #lost: { readonly statement: string; readonly done: () => void } | undefined;

  constructor(target: string) {
    this.#target = new URL(target);
    this.#server = createServer((client) => this.#join(client));
  }

  /** Starts the proxy, and returns the URL of the database through it. */
  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    const url = new URL(this.#target);
    url.hostname = "127.0.0.1";
    url.port = String((this.#server.address() as AddressInfo).port);
    return url.href;
  }

  /** Open connections. */
  get lines(): number {
    return this.#lines.size;
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.cut();
    await closed;
  }

  /** Cuts open connections. */
  cut(kinds = ALL): void {
    for (const { kind, client } of this.#lines) if (kinds.includes(kind)) client.destroy();
  }

  /** Makes open connections swallow all bytes from now on. New ones work. */
  numb(kinds = ALL): void {
    for (const line of this.#lines) if (kinds.includes(line.kind)) line.dead = true;
  }

  /** Makes every connection swallow all bytes, new ones too until {@link heal}. */
  swallow(): void {
    this.#swallowing = true;
    this.numb();
  }

  heal(): void {
    this.#swallowing = false;
  }

  /**
   * Lets the next such statement (such as `baton_insert`) commit, then
   * loses its reply and cuts its connection. Resolves then.
   */
  loseReplyTo(statement: string): Promise<void> {
    return new Promise((done) => {
      this.#lost = { statement, done };
    });
  }

  #join(client: Socket): void {
    const server = connect(Number(this.#target.port || 5_432), this.#target.hostname);
    const rate = (): number => this.rate;
    const [toClient, toServer] = [new Trickle(client, rate), new Trickle(server, rate)];
    const begun = false;
    const line: Line = {
      kind: "statements",
      dead: this.#swallowing,
      losing: false,
      begun,
      client,
      server,
      toClient,
      toServer,
    };
    this.#lines.add(line);
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      socket.on("error", () => {});
      socket.on("close", () => {
        this.#lines.delete(line);
        other.destroy();
      });
    }
    client.on("data", (bytes) => this.#onRequest(line, bytes));
    let left: Buffer = Buffer.alloc(0);
    server.on("data", (bytes) => {
      left = Buffer.concat([left, bytes]);
      while (left.length >= HEADER && left.length > left.readInt32BE(1)) {
        const size = left.readInt32BE(1) + 1;
        this.#onReply(line, left.subarray(0, size));
        left = left.subarray(size);
      }
    });
  }

  #onRequest(line: Line, bytes: Buffer): void {
    if (bytes.includes('listen "')) line.kind = "listeners";
    if (this.numbAt !== null && bytes.includes(this.numbAt)) {
      line.dead = true;
      this.numbAt = null;
    }
    if (line.dead) return;
    if (this.#lost !== undefined && bytes.includes(`${this.#lost.statement}_`)) line.losing = true;
    if (!line.begun) {
      line.begun = true;
      if (this.full) return this.#refuse(line, "53300", "sorry, too many clients already");
      if (this.refusesOptions !== null && bytes.includes("\0options\0"))
        return this.#refuse(line, "0A000", this.refusesOptions);
    }
    line.toServer.write(bytes, line.client);
  }

  #onReply(line: Line, message: Buffer): void {
    if (line.dead) return;
    if (line.losing) {
      // "Z": ready for query, so the statement has committed.
      if (message[0] !== "Z".charCodeAt(0)) return;
      line.client.destroy();
      this.#lost?.done();
      this.#lost = undefined;
      return;
    }
    if (this.inventsProcesses && message[0] === BACKEND_KEY_DATA) message.writeInt32BE(1_000_000_007, HEADER);
    if (!this.deaf || message[0] !== NOTIFICATION) line.toClient.write(message);
  }

  #refuse({ client }: Line, state: string, message: string): void {
    this.refusals += 1;
    const fields = Buffer.from(`SFATAL\0C${state}\0M${message}\0\0`);
    const head = Buffer.alloc(HEADER);
    head.write("E");
    head.writeInt32BE(fields.length + 4, 1);
    client.end(Buffer.concat([head, fields]));
  }
}
