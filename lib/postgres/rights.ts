import { DatabaseError } from "../errors.js";
import type { Database } from "./database.js";
import { sqlState } from "./failure.js";
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
      `grant ${rights.join(", ")} on "${prefix}".${table} to "${database.user}"`,
    );
  }
}

/** An error of bringing the schema up to date, as one that says which grant is needed, if it is for lack of rights. */
export function rightsError(error: unknown, prefix: string, user: string): unknown {
  if (sqlState(error) !== INSUFFICIENT_PRIVILEGE) return error;
  const { message } = error as Error;
  const [, database] = /denied for database (.+)/.exec(message) ?? [];
  const [, owned] = /must be owner of (.+)/.exec(message) ?? [];
  const problem = `Role ${user} lacks rights on schema ${prefix} (${message})`;
  if (database !== undefined) {
    return refusal(problem, `grant create on database "${database}" to "${user}"`, error);
  }
  if (owned !== undefined) return refusal(problem, `grant the role that owns ${owned} to "${user}"`, error);
  const [, table] = /denied for (?:table|relation|view) (.+)/.exec(message) ?? [];
  if (table !== undefined) return refusal(problem, `grant select on "${prefix}".${table} to "${user}"`, error);
  return refusal(problem, `grant usage, create on schema "${prefix}" to "${user}"`, error);
}

function refusal(problem: string, remedy: string, cause?: unknown): DatabaseError {
  const message = `${problem}. Run as their owner or a superuser: ${remedy}`;
  return new DatabaseError("ERR_BATON_DATABASE_REFUSED", message, { cause });
}
