import type pg from "pg";

/** What the driver keeps of a connection beyond its types. */
interface Keyed {
  readonly processID: number | null;
}

/**
 * Whether the session at the other end is this connection's own, so that settings and locks of it are nobody else's. A pooler
 * makes up the process that it names in the handshake, since the process changes with each transaction.
 *
 * @param pid the server process that runs our statements
 */
export function isOwn(client: pg.ClientBase, pid: number): boolean {
  return (client as unknown as Keyed).processID === pid;
}
