import { DatabaseError } from "../errors.js";
import type { Database } from "../postgres/database.js";
import { sqlState } from "../postgres/failure.js";
import { named } from "./fragments.js";

/** The rights that a role needs on the tables, and what to grant where it lacks them. */

const INSUFFICIENT_PRIVILEGE = "42501";

/** What a caller needs, and what a host needs, by table. */
const CALLER = { jobs: ["select", "insert"], hosts: ["select"] };
const HOST = { jobs: ["select", "insert", "update", "delete"], hosts: ["select", "insert", "update", "delete"] };

const MISSING = named(
  "rights",
  `select array(select r from pg_catalog.unnest($3::pg_catalog.text[]) r
    where not pg_catalog.has_table_privilege(pg_catalog.format('%I.%I', $1::pg_catalog.text, $2::pg_catalog.text), r)) as missing`,
);

/** Throws {@link DatabaseError} `ERR_BATON_DATABASE_REFUSED` if rights on a table are missing. */
export async function checkRights(database: Database, prefix: string, hosting: boolean): Promise<void> {
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

/** How far a schema is: every step applied, those of an earlier release, none, or not known yet. */
export type Progress = "current" | "earlier" | "absent" | "unread";

/**
 * An error of reading the schema's steps, or of applying those that it lacks, as one that says which grant is needed, if it is
 * for lack of rights.
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
  // Whoever cannot read the steps may need no more than to read them.
  const rights = progress === "unread" ? "usage" : "usage, create";
  return refusal(problem, `grant ${rights} on schema "${prefix}" to ${role}`, error);
}

/** No grant on the tables is enough to change them. */
function outdated(problem: string, prefix: string, cause: unknown): DatabaseError {
  const remedy =
    `The schema is of an earlier release. Start this release once as the role that owns ${prefix}.jobs: ` +
    "it brings the schema up to date, and then rights on its tables are enough";
  return new DatabaseError("ERR_BATON_DATABASE_REFUSED", `${problem}. ${remedy}`, { cause });
}

/** A name as an identifier. */
function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

function refusal(problem: string, remedy: string, cause?: unknown): DatabaseError {
  const message = `${problem}. Run as their owner or a superuser: ${remedy}`;
  return new DatabaseError("ERR_BATON_DATABASE_REFUSED", message, { cause });
}
