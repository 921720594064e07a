import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type pg from "pg";

/** A statement under way. */
export interface Wait {
  /** The server's process that should be at work on it. */
  readonly pid: number;
  /** When it was sent, or the system last took some of its bytes. */
  since: number;
  /** Bytes of it that the system had still to take then. */
  queued: number;
  readonly stream: Duplex;
}

/** What the driver keeps of a connection beyond its types. */
interface Internals {
  readonly processID: number;
  readonly connection: { readonly stream: Duplex };
}

/** What Node keeps of a socket beyond its types, and itself goes by in `setTimeout`. */
interface Handled {
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
    const wait = { pid: processID, since: performance.now(), queued: queuedIn(stream), stream };
    this.#waits.add(wait);
    return wait;
  }

  /** It is answered, or has failed. */
  end(wait: Wait): void {
    this.#waits.delete(wait);
  }

  /**
   * The statements that have waited for their answer for so many ms. As long as one's bytes go out, and those of a large
   * result may for seconds, it does not wait: the server has not heard all of it, and cannot be at work on it.
   */
  stalled(ms: number): Wait[] {
    const now = performance.now();
    for (const wait of this.#waits) {
      const queued = queuedIn(wait.stream);
      if (queued !== wait.queued) Object.assign(wait, { queued, since: now });
    }
    return [...this.#waits].filter(({ since }) => since < now - ms);
  }

  /** Cuts the connections on which these statements wait, unless they have their answer by now. */
  cut(waits: readonly Wait[]): void {
    for (const wait of waits) if (this.#waits.has(wait)) wait.stream.destroy();
  }

  /** Cuts all connections that were made, or begun to be made, so many ms ago or earlier. */
  cutOlder(ms: number): void {
    const before = performance.now() - ms;
    for (const [socket, since] of this.#open) if (since <= before) socket.destroy();
  }
}

function queuedIn(stream: Duplex): number {
  return (stream as Handled)._handle?.writeQueueSize ?? 0;
}

/** Closes a connection in order; by force where that takes more than a moment. */
export async function closeClient(client: pg.Client): Promise<void> {
  const { stream } = (client as unknown as Internals).connection;
  const force = setTimeout(() => stream.destroy(), 500);
  await client.end().catch(() => {});
  clearTimeout(force);
}
