import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { Trickle } from "./trickle.js";

/** Connections as faults tell them apart: those that listen, and those that statements run on. */
export type Kind = "listeners" | "statements";

const NOTIFICATION = "A".charCodeAt(0);
const BACKEND_KEY_DATA = "K".charCodeAt(0);
const HEADER = 5;
const ALL: readonly Kind[] = ["listeners", "statements"];

/** One connection through the proxy. */
interface Line {
  kind: Kind;
  /** Has lost bytes: it never recovers, as no real connection does. */
  dead: boolean;
  /** What the server answers next is lost, and the connection then cut. */
  losing: boolean;
  readonly client: Socket;
  readonly server: Socket;
  /** Whether the client has sent its startup message. */
  begun: boolean;
  readonly toClient: Trickle;
  readonly toServer: Trickle;
}

/**
 * A way to the database on which things go wrong when they are told to: connections are cut, or swallow all bytes and show no
 * error; notifications do not arrive, as behind PgBouncer in transaction mode; the reply to one statement is lost; the line is
 * slow; it behaves in the handshake as poolers do.
 */
export class FaultyProxy {
  /** Takes notifications out of what the server sends. */
  deaf = false;
  /** Makes up the process of the handshake, as poolers do. */
  inventsProcesses = false;
  /** Ends new connections at once, as a server does that has no room for them. */
  full = false;
  /** A connection that is sent such a statement swallows that, and whatever follows. Then null again. */
  numbAt: string | null = null;
  /** Refuses connections with startup options, with this message. */
  refusesOptions: string | null = null;
  /** Bytes a second and direction that a line passes. */
  rate = Number.POSITIVE_INFINITY;
  /** How many connections it has refused. */
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

  /** Starts it; the URL of the same database by way of it. */
  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    const url = new URL(this.#target);
    url.hostname = "127.0.0.1";
    url.port = String((this.#server.address() as AddressInfo).port);
    return url.href;
  }

  /** How many connections there are. */
  get lines(): number {
    return this.#lines.size;
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.cut();
    await closed;
  }

  /** Closes connections. */
  cut(kinds = ALL): void {
    for (const { kind, client } of this.#lines) if (kinds.includes(kind)) client.destroy();
  }

  /** Connections that there are lose all bytes from now on, and stay open. New ones pass. */
  numb(kinds = ALL): void {
    for (const line of this.#lines) if (kinds.includes(line.kind)) line.dead = true;
  }

  /** Every connection loses all bytes and stays open, until {@link heal}; then new ones pass. */
  swallow(): void {
    this.#swallowing = true;
    this.numb();
  }

  heal(): void {
    this.#swallowing = false;
  }

  /** The next such statement (`baton_insert`, say) goes through, and its reply is lost with its connection. Resolves then. */
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
      // "Z": ready for the next, so this one is through and committed.
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
