import type pg from "pg";
import { DatabaseError } from "../errors.js";
import { sqlState } from "./failure.js";

/** Checks at start whether Baton can use the server, and explains why it cannot. */

const OLDEST_VERSION = 130_000;

/**
 * Checks the server's version and encoding.
 *
 * @throws {@link DatabaseError} `ERR_BATON_DATABASE_UNSUPPORTED`
 */
export async function checkServer(client: pg.ClientBase): Promise<void> {
  const { rows } = await client.query<{ version: string; encoding: string }>(
    `select pg_catalog.current_setting('server_version_num') as version,
      pg_catalog.current_setting('server_encoding') as encoding`,
  );
  const { version, encoding } = rows[0] as { version: string; encoding: string };
  if (Number(version) < OLDEST_VERSION) {
    throw new DatabaseError(
      "ERR_BATON_DATABASE_UNSUPPORTED",
      `PostgreSQL ${Math.floor(Number(version) / 10_000)} is too old: Baton needs 13 or later`,
    );
  }
  if (encoding !== "UTF8") {
    throw new DatabaseError(
      "ERR_BATON_DATABASE_UNSUPPORTED",
      `The database's encoding is ${encoding}: Baton needs UTF8. Create it with: create database ... encoding 'UTF8' template template0`,
    );
  }
}

/** Converts an error of the first connection to one that says where it went and why it failed. */
export function connectError(error: unknown, address: string): DatabaseError {
  const { message } = error as Error;
  // Only a refusal by the server has an SQLSTATE: a wrong password, no such database, no rights.
  if (sqlState(error) !== null) {
    return new DatabaseError("ERR_BATON_DATABASE_REFUSED", `The database at ${address} refuses: ${message}`, {
      cause: error,
    });
  }
  const reason = message || String((error as { code?: unknown }).code);
  return new DatabaseError(
    "ERR_BATON_DATABASE_UNREACHABLE",
    `No PostgreSQL answers at ${address} (${reason}). Check the connection option, or that the server runs.`,
    { cause: error },
  );
}
