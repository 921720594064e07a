import { BatonError, DatabaseError } from "../errors.js";

/** Tells failures that pass (a connection lost, a restart, a deadlock) from those that would repeat for ever. */

/**
 * SQLSTATE classes and codes after which the same statement may well succeed: connection (also one that is refused, for its
 * password or its database, as while these are changed), resources, shutdown, serialization.
 */
const PASSING_CLASSES = new Set(["08", "28", "3D", "53", "58"]);
/** How a server refuses writes that is a standby, or fenced off: a failover may be under way. */
export const READ_ONLY = "25006";

const PASSING_CODES = new Set([
  READ_ONLY,
  "40001", // serialization failure
  "40P01", // deadlock
  "55P03", // lock not available
  "57014", // statement cancelled (a timeout of the server)
  "57P01", // terminated by an administrator
  "57P02", // crash shutdown
  "57P03", // starting up or shutting down
  "57P04", // database dropped
]);

/** Our own errors of connecting: a server may come back, or be promoted. */
const PASSING_ERRORS: ReadonlySet<string> = new Set(["ERR_BATON_DATABASE_UNREACHABLE", "ERR_BATON_DATABASE_READ_ONLY"]);

/** Whether trying again may help. Errors without an SQLSTATE come from the socket or the driver, and pass too. */
export function isPassing(error: unknown): boolean {
  if (error instanceof DatabaseError) return PASSING_ERRORS.has(error.code);
  const state = sqlState(error);
  return state === null || PASSING_CLASSES.has(state.slice(0, 2)) || PASSING_CODES.has(state);
}

/** Whether a statement took too long: by a limit of the server, or for a lock. */
export function isTimeout(error: unknown): boolean {
  const state = sqlState(error);
  return state === "57014" || state === "55P03";
}

/**
 * An error of the database as one of ours, which says what came of it: `ERR_BATON_DATABASE_UNREACHABLE` if trying again may
 * help, else `ERR_BATON_DATABASE_REFUSED`. Errors that are ours already stay as they are.
 *
 * @param problem what did not happen, as the beginning of a sentence.
 */
export function databaseError(problem: string, error: unknown): BatonError {
  if (error instanceof BatonError) return error;
  const { message } = error as Error;
  return isPassing(error)
    ? new DatabaseError("ERR_BATON_DATABASE_UNREACHABLE", `${problem}, the database is away: ${message}`, {
        cause: error,
      })
    : new DatabaseError("ERR_BATON_DATABASE_REFUSED", `${problem}, the database refuses it: ${message}`, {
        cause: error,
      });
}

/** The SQLSTATE of an error that PostgreSQL raised, else null (`ECONNREFUSED` and its like are no SQLSTATE). */
export function sqlState(error: unknown): string | null {
  const code = (error as { code?: unknown } | null)?.code;
  const severity = (error as { severity?: unknown } | null)?.severity;
  return typeof code === "string" && typeof severity === "string" && code.length === 5 ? code : null;
}

/** ms until try number `failures` (from 1): doubling from 25 ms to 500 ms, jittered by half so that hosts do not come in step. */
export function retryDelay(failures: number): number {
  return Math.min(500, 25 * 2 ** Math.min(failures - 1, 6)) * (0.5 + Math.random() / 2);
}
