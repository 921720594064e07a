import { DatabaseError } from "../errors.js";
import type { Database } from "../postgres/database.js";
import { sqlState } from "../postgres/failure.js";
import { named } from "./fragments.js";

/** The rights that a role needs on the tables, and errors that say what to grant. */

const INSUFFICIENT_PRIVILEGE = "42501";

/** The rights of a caller, which runs no jobs, and of a host, by table. */
const CALLER = { jobs: ["select", "insert"], hosts: ["select"] };
const HOST = { jobs: ["select", "insert", "update", "delete"], hosts: ["select", "insert", "update", "delete"] };

/** Selects the rights in `$3` that the role lacks on table `$2` of schema `$1`. */
const MISSING = named(
  "rights",
  `select array(select r from pg_catalog.unnest($3::pg_catalog.text[]) r where not pg_catalog.has_table_privilege(
    pg_catalog.format('%I.%I', $1::pg_catalog.text, $2::pg_catalog.text), r)) as missing`,
);

/**
 * Checks the rights on the tables, for a caller or, with `hosting`, for a host.
 *
 * @throws {@link DatabaseError} `ERR_BATON_DATABASE_REFUSED` if the role lacks one
 */
export async function checkRights(
  database: Database,
  prefix: string,
  { hosting }: { readonly hosting: boolean },
): Promise<void> {
  for (const [table, rights] of Object.entries(hosting ? HOST : CALLER)) {
    const [row] = await database.query<{ missing: string[] }>(MISSING, [prefix, table, rights]);
    const missing = row?.missing ?? [];
    if (missing.length === 0) continue;
    throw refusal(
      `Role ${database.user} lacks rights on table ${prefix}.${table}: ${missing.join(", ")}`,
      `grant ${rights.join(", ")} on "${prefix}".${table} to ${quoted(database.user)}`,
    );
  }
}

/**
 * How far the migrations of a schema are: all applied, only those of an earlier release, none, or
 * not read yet.
 */
export type Progress = "current" | "earlier" | "absent" | "unread";

/**
 * Turns a lack of rights while migrating into an error that names the missing grant. Returns any
 * other error as it is.
 */
export function rightsError(error: unknown, prefix: string, user: string, progress: Progress): unknown {
  if (sqlState(error) !== INSUFFICIENT_PRIVILEGE) return error;
  const { message } = error as Error;
  const role = quoted(user);
  const problem = `Role ${user} lacks rights on schema ${prefix} (${message})`;
  if (progress === "earlier") return outdated(problem, prefix, error);
  const [, database] = /denied for database (.+)/.exec(message) ?? [];
  if (database !== undefined) return refusal(problem, `grant create on database ${quoted(database)} to ${role}`, error);
  const [, table] = /denied for (?:table|relation|view) (.+)/.exec(message) ?? [];
  if (table !== undefined) return refusal(problem, `grant select on "${prefix}".${table} to ${role}`, error);
  // The schema may be up to date: then reading its steps is all that the role needs.
  const rights = progress === "unread" ? "usage" : "usage, create";
  return refusal(problem, `grant ${rights} on schema "${prefix}" to ${role}`, error);
}

/** Only the owner of the tables can alter them; no grant on them is enough. */
function outdated(problem: string, prefix: string, cause: unknown): DatabaseError {
  const remedy =
    `The schema is of an earlier release. Start this release once as the role that owns ${prefix}.jobs: ` +
    "that migrates the schema. Afterwards rights on its tables are enough";
  return new DatabaseError("ERR_BATON_DATABASE_REFUSED", `${problem}. ${remedy}`, { cause });
}

/** A name as an SQL identifier. */
function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

function refusal(problem: string, remedy: string, cause?: unknown): DatabaseError {
  const message = `${problem}. Run as their owner or a superuser: ${remedy}`;
  return new DatabaseError("ERR_BATON_DATABASE_REFUSED", message, { cause });
}
