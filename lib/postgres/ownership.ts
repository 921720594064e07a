import type pg from "pg";

/** What the driver keeps of a connection beyond its types. */
interface Keyed {
  readonly processID: number | null;
}

/** The server process that runs our statements now. */
const PROCESS = "select pg_catalog.pg_backend_pid() as pid";

/**
 * Whether the session at the other end is this connection's own, so that settings and locks of it are nobody else's. A pooler
 * makes up the process that it names in the handshake, since the process changes with each transaction.
 *
 * @param pid the process that runs our statements, where it is known already.
 */
export function isOwn(client: pg.ClientBase, pid: number): boolean {
  return (client as unknown as Keyed).processID === pid;
}

/** Asks the server whether the session is this connection's own. */
export async function ownsSession(client: pg.ClientBase): Promise<boolean> {
  const { rows } = await client.query<{ pid: number }>(PROCESS);
  return isOwn(client, rows[0]?.pid ?? 0);
}
