import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type pg from "pg";

/** A statement under way. */
export interface Wait {
  /** The server's process that should be at work on it. */
  readonly pid: number;
  /** When it was sent, or a byte last moved in either direction. */
  since: number;
  /** What tells whether bytes have moved since then. */
  progress: number;
  /** Bytes that the connection had carried before it. */
  readonly before: { readonly read: number; readonly written: number };
  readonly stream: Duplex;
}

/** What the driver keeps of a connection beyond its types. */
interface Internals {
  readonly processID: number;
  readonly connection: { readonly stream: Duplex };
}

/** ms without a byte in either direction after which a statement is given up. The server gives up earlier (`settings.ts`). */
const PATIENCE = 15_000;
/** ms between two looks for such statements. */
const LOOK = 1_000;

/** The slowest line, in bytes a ms, and the most bytes that the systems on both sides of it keep unseen. */
const SLOWEST = 500;
const UNSEEN = 8 * 1_024 * 1_024;

/** What Node keeps of a socket beyond its types, and itself goes by in `setTimeout`. */
interface Handled {
  readonly bytesRead?: number;
  readonly bytesWritten?: number;
  readonly _handle?: { readonly writeQueueSize?: number } | null;
}

/**
 * The sockets under the pool's connections, and the statements that wait on them: a connection whose other end is gone, or
 * never heard, shows no error by itself for minutes. Who finds out otherwise cuts it here; its statement then fails at once.
 */
export class Sockets {
  /** Each with the time of its making. */
  readonly #open = new Map<Duplex, number>();
  readonly #waits = new Set<Wait>();
  readonly #patience: number;
  readonly #slowest: number;
  #timer: NodeJS.Timeout | undefined;
  /** When the timer ran last. */
  #ranAt = 0;

  constructor(patience = PATIENCE, slowest = SLOWEST) {
    this.#patience = patience;
    this.#slowest = slowest;
  }

  /** Makes a socket, or keeps the one that was made by the user's own function. For the driver's option `stream`. */
  add(socket: Duplex = new Socket()): Duplex {
    this.#open.set(socket, performance.now());
    socket.once("close", () => this.#open.delete(socket));
    return socket;
  }

  /** A statement is sent. */
  begin(client: pg.ClientBase): Wait {
    const { processID, connection } = client as unknown as Internals;
    const { stream } = connection;
    const { bytesRead: read = 0, bytesWritten: written = 0 } = stream as Handled;
    const before = { read, written };
    const wait = { pid: processID, since: performance.now(), progress: progressOf(stream), before, stream };
    this.#waits.add(wait);
    this.#watch();
    return wait;
  }

  /** It is answered, or has failed. */
  end(wait: Wait): void {
    this.#waits.delete(wait);
  }

  /**
   * The statements for which no byte has moved for so many ms. While bytes go out, the server cannot be at work on the
   * statement yet; while they come in, it is done with it. Those of a large result may take minutes either way.
   */
  stalled(ms: number): Wait[] {
    const now = performance.now();
    for (const wait of this.#waits) {
      const progress = progressOf(wait.stream);
      if (progress !== wait.progress) Object.assign(wait, { progress, since: now });
    }
    return [...this.#waits].filter((wait) => wait.since < now - ms - transitOf(wait, this.#slowest));
  }

  /** Cuts the connections on which these statements wait, unless they have their answer by now. */
  cut(waits: readonly Wait[]): void {
    for (const wait of waits) if (this.#waits.has(wait)) wait.stream.destroy();
  }

  /** Looks for statements to give up, for as long as there are any statements. */
  #watch(): void {
    if (this.#timer !== undefined) return;
    this.#ranAt = performance.now();
    this.#timer = setInterval(() => this.#look(), LOOK).unref();
  }

  #look(): void {
    if (this.#waits.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
      return;
    }
    const now = performance.now();
    // While this process was busy or stopped nobody could have read an answer.
    const lost = now - this.#ranAt - LOOK;
    if (lost > LOOK) for (const wait of this.#waits) wait.since += lost;
    this.#ranAt = now;
    for (const wait of this.stalled(this.#patience)) {
      wait.stream.destroy(new Error(`The database has not answered a statement for ${this.#patience} ms`));
    }
  }

  /** Cuts all connections that were made, or begun to be made, so many ms ago or earlier. */
  cutOlder(ms: number): void {
    const before = performance.now() - ms;
    for (const [socket, since] of this.#open) if (since <= before) socket.destroy();
  }
}

/** Changes with each byte that comes in, and that the system takes to send. */
function progressOf(stream: Duplex): number {
  const { bytesRead = 0, _handle } = stream as Handled;
  return bytesRead - (_handle?.writeQueueSize ?? 0);
}

/** ms that bytes of a statement may still be on their way after the system took them: nothing shows how many are. */
function transitOf({ stream, before }: Wait, slowest: number): number {
  const { bytesRead = 0, bytesWritten = 0, _handle } = stream as Handled;
  if (bytesRead > before.read) return 0;
  const taken = bytesWritten - before.written - (_handle?.writeQueueSize ?? 0);
  return Math.min(taken, UNSEEN) / slowest;
}

/** Closes a connection in order; by force where that takes more than a moment. */
export async function closeClient(client: pg.Client): Promise<void> {
  const { stream } = (client as unknown as Internals).connection;
  const force = setTimeout(() => stream.destroy(), 500);
  await client.end().catch(() => {});
  clearTimeout(force);
}
