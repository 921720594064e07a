import { BatonError, DatabaseError } from "../errors.js";

/**
 * Distinguishes passing failures (a lost connection, a restart, a deadlock), after which a retry
 * may succeed, from permanent ones.
 */

/** A write on a server that is a standby or fenced off. A failover may be under way. */
export const READ_ONLY = "25006";

const PASSING_CLASSES = new Set([
  "08", // connection
  "28", // refused password: it may be about to change
  "3D", // no such database: it may be about to come back
  "53", // resources
  "58", // system
]);

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

/** Codes of a {@link DatabaseError} that pass: a server may come back, or be promoted. */
const PASSING_ERRORS: ReadonlySet<string> = new Set(["ERR_BATON_DATABASE_UNREACHABLE", "ERR_BATON_DATABASE_READ_ONLY"]);

/**
 * Whether a retry may succeed. Errors without an SQLSTATE come from the socket or the driver, and
 * pass too.
 */
export function isPassing(error: unknown): boolean {
  if (error instanceof DatabaseError) return PASSING_ERRORS.has(error.code);
  const state = sqlState(error);
  return state === null || PASSING_CLASSES.has(state.slice(0, 2)) || PASSING_CODES.has(state);
}

/** Whether the server ended a statement because it took too long or waited too long for a lock. */
export function isTimeout(error: unknown): boolean {
  const state = sqlState(error);
  return state === "57014" || state === "55P03";
}

/**
 * Converts an error of the database to a {@link DatabaseError}: `ERR_BATON_DATABASE_UNREACHABLE` if
 * a retry may succeed, else `ERR_BATON_DATABASE_REFUSED`. Returns Baton's own errors unchanged.
 *
 * @param problem the beginning of the message: what failed.
 */
export function databaseError(problem: string, error: unknown): BatonError {
  if (error instanceof BatonError) return error;
  const { message } = error as Error;
  return isPassing(error)
    ? new DatabaseError("ERR_BATON_DATABASE_UNREACHABLE", `${problem}: the database is unreachable (${message})`, {
        cause: error,
      })
    : new DatabaseError("ERR_BATON_DATABASE_REFUSED", `${problem}: the database refused the statement (${message})`, {
        cause: error,
      });
}

/** The SQLSTATE of an error that PostgreSQL raised; null for others, such as `ECONNREFUSED`. */
export function sqlState(error: unknown): string | null {
  const code = (error as { code?: unknown } | null)?.code;
  const severity = (error as { severity?: unknown } | null)?.severity;
  return typeof code === "string" && typeof severity === "string" && code.length === 5 ? code : null;
}
