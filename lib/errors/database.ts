import { BatonError, named } from "./base.js";

/**
 * The codes of a {@link DatabaseError}.
 *
 * - `ERR_BATON_DATABASE_UNREACHABLE`: no server answers, or the connection was lost.
 * - `ERR_BATON_DATABASE_UNSUPPORTED`: the server is too old, or the database is not UTF8.
 * - `ERR_BATON_DATABASE_REFUSED`: the server refused the credentials or a statement.
 * - `ERR_BATON_DATABASE_READ_ONLY`: the server takes no writes, for example a standby.
 * - `ERR_BATON_SCHEMA_TOO_NEW`: a newer release of `pg-baton` has upgraded the schema.
 */
export type DatabaseErrorCode =
  | "ERR_BATON_DATABASE_UNREACHABLE"
  | "ERR_BATON_DATABASE_UNSUPPORTED"
  | "ERR_BATON_DATABASE_REFUSED"
  | "ERR_BATON_DATABASE_READ_ONLY"
  | "ERR_BATON_SCHEMA_TOO_NEW";

/**
 * The database cannot be used. The `code`, a {@link DatabaseErrorCode}, says why;
 * `cause` is pg's own error.
 */
export class DatabaseError extends BatonError {
  // oxlint-disable-next-line no-useless-constructor -- narrows the code
  constructor(code: DatabaseErrorCode, message: string, options?: ErrorOptions) {
    super(code, message, options);
  }

  static {
    named(this);
  }
}
