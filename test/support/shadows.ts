import { readFileSync } from "node:fs";
import type pg from "pg";
import { sources } from "./sources.js";

const root = new URL("../../../", import.meta.url);

/** The types of columns, parameters and constants in Baton's statements. */
const TYPES = "int2 int4 int8 float8 numeric text text[] int8[] bool bytea jsonb uuid timestamptz interval"
  .split(" ")
  .map((type) => `pg_catalog.${type}`);

/** Variadic functions, with the arguments that Baton's statements pass. */
const VARIADIC = ["jsonb_build_object(text, timestamptz, text, int4, text, text)"];

const BODY =
  "language plpgsql as $$ begin perform pg_catalog.nextval('public.shadows'); raise exception 'a shadow was called'; end $$";

/** The names of the PostgreSQL functions that the sources call. */
function called(): string[] {
  const texts = sources(root, ["lib/engine", "lib/postgres"]).map((path) => readFileSync(new URL(path, root), "utf8"));
  return [
    ...new Set(texts.flatMap((text) => [...text.matchAll(/pg_catalog\.([a-z_]\w*)\(/g)].map(([, name = ""]) => name))),
  ];
}

/**
 * Functions and operators in schema `public` that shadow those of PostgreSQL wherever a
 * statement does not name the schema: they have the same names, and types that fit exactly.
 */
export class Shadows {
  readonly #client: pg.Client;

  constructor(client: pg.Client) {
    this.#client = client;
  }

  /**
   * @param exact whether to shadow operators that PostgreSQL has for just
   * these types too, against which only a search path guards.
   */
  async cast(exact: boolean): Promise<void> {
    await this.#client.query("create sequence public.shadows");
    await this.#functions();
    await this.#operators(exact);
  }

  /** Whether any shadow was called, even in a transaction that was rolled back. */
  async called(): Promise<boolean> {
    const { rows } = await this.#client.query<{ is_called: boolean }>("select is_called from public.shadows");
    return rows[0]?.is_called === true;
  }

  async #functions(): Promise<void> {
    const { rows } = await this.#client.query<{ name: string; types: string[]; result: string; set: boolean }>(
      `select proname as name, array(select format_type(t, null) from unnest(proargtypes) t) as types,
        format_type(prorettype, null) as result, proretset as set
      from pg_proc where pronamespace = 'pg_catalog'::regnamespace and proname = any($1)`,
      [called()],
    );
    const shadows = rows.filter(({ types }) => !types.includes('"any"') && !types.includes("internal"));
    const signatures = new Map(
      shadows.map(({ name, types, result, set }) => {
        return [`${name}(${types.map(concrete).join(", ")})`, `${set ? "setof " : ""}${concrete(result)}`];
      }),
    );
    for (const signature of VARIADIC) signatures.set(signature, "jsonb");
    for (const [signature, result] of signatures) {
      await this.#client.query(`create function public.${signature} returns ${result} ${BODY}`);
    }
  }

  async #operators(exact: boolean): Promise<void> {
    await this.#client.query(`do $do$
      declare l text; r text; o text;
      begin
        foreach l in array array['${TYPES.join("','")}'] loop
          foreach r in array array['${TYPES.join("','")}'] loop
            execute pg_catalog.format('create function public.shadow(%s, %s) returns boolean %s', l, r, $body$${BODY}$body$);
            foreach o in array array['=', '<>', '<', '>', '<=', '>=', '+', '-', '*', '/', '||'] loop
              if ${exact} or not exists (select from pg_operator where oprname = o and oprleft = l::regtype
                  and oprright = r::regtype and oprnamespace = 'pg_catalog'::regnamespace) then
                execute pg_catalog.format('create operator public.%s (function = public.shadow, leftarg = %s, rightarg = %s)', o, l, r);
              end if;
            end loop;
          end loop;
        end loop;
      end $do$`);
  }
}

/** A concrete type for a parameter of a polymorphic function. */
function concrete(type: string): string {
  if (/^any(compatible)?array$/.test(type)) return "text[]";
  return type.startsWith("any") ? "text" : type;
}
