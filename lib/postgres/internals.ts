import type { Duplex } from "node:stream";
import type pg from "pg";
import type Cursor from "pg-cursor";

/**
 * Everything that Baton uses of `pg`, `pg-cursor` and Node.js beyond their documented interfaces.
 * Tested with pg 8.23.1, pg-cursor 2.22.0, and Node.js 20.20, 22, 24 and 26.
 */

interface ClientInternals {
  readonly processID: number | null;
  readonly connection: { readonly stream: Duplex };
}

/** Node.js itself uses `writeQueueSize` for `socket.setTimeout`. */
interface SocketInternals {
  readonly bytesRead?: number;
  readonly bytesWritten?: number;
  readonly _handle?: { readonly writeQueueSize?: number } | null;
}

/**
 * The server process that the handshake named, or null before it. PostgreSQL names the process of
 * the session; a pooler makes one up. The only public source is a notification.
 */
export function handshakeProcessOf(client: pg.ClientBase): number | null {
  return (client as unknown as ClientInternals).processID;
}

/**
 * The socket under a connection, to destroy when the other end is gone: `end()` would wait for it.
 * It is another object after the TLS handshake, so do not keep it.
 */
export function streamOf(client: pg.ClientBase): Duplex {
  return (client as unknown as ClientInternals).connection.stream;
}

/** Bytes that came in over a socket; 0 for a stream that does not count them. */
export function bytesReadOf(stream: Duplex): number {
  return (stream as SocketInternals).bytesRead ?? 0;
}

/** Bytes written to a socket, whether or not the system has taken them. */
export function bytesWrittenOf(stream: Duplex): number {
  return (stream as SocketInternals).bytesWritten ?? 0;
}

/**
 * Bytes written to a socket that the system has not taken yet. `bytesWritten` counts them too, so
 * it cannot show whether they move.
 */
export function bytesQueuedOf(stream: Duplex): number {
  return (stream as SocketInternals)._handle?.writeQueueSize ?? 0;
}

/**
 * Ends the timer of `query_timeout`. The driver clears it when the query calls back, which a cursor
 * never does.
 */
export function clearQueryTimeout(cursor: Cursor): void {
  (cursor as unknown as { readonly callback?: () => void }).callback?.();
}

/** A query config with a time limit of its own, in ms, which the published types omit. */
export interface TimedQuery extends pg.QueryConfig {
  readonly query_timeout: number;
}

/**
 * A `pg.Query` that receives the messages of a `COPY … TO STDOUT`. The client calls this method of
 * the active query for each message; the query's own does nothing. An exception from it would
 * escape into the socket's event handler and end the connection.
 */
export interface CopyReceiver {
  handleCopyData(message: { readonly chunk: Buffer }): void;
}
