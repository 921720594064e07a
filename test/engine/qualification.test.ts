import { readFileSync } from "node:fs";
import { expect } from "chai";
import pg from "pg";
import { operations } from "../../lib/engine/operations.js";
import { testDatabase } from "../support/database.js";
import { sources } from "../support/sources.js";

const root = new URL("../../../", import.meta.url);

/**
 * Keywords that stand before a parenthesis. The server does not look them up on the search path.
 */
const KEYWORDS = new Set(
  `all and any array as by case coalesce conflict copy else exists filter from greatest in join lateral least materialized not on operator or over select set
   stdout substring then unique values when where with`.split(/\s+/),
);
/** Types that are keywords of SQL, and so always PostgreSQL's. */
const KEYWORD_TYPES = new Set(["int", "bigint", "smallint", "boolean", "interval"]);

/** `unnest` of several arrays is grammar, too: no function has that name and shape. */
const UNNEST = /\bunnest\((?=[^()]*,)/g;

/** Aliases of tables with a list of columns. */
const ALIASES = /\bas [a-z]+\(/g;

function textsOf(durability: "full" | "relaxed"): [string, string][] {
  return Object.entries(operations("baton", { durability })).map(([name, statement]) => [
    name,
    typeof statement === "function" ? statement(["00"]) : statement.text,
  ]);
}

/** The text without its quoted parts. */
function bare(text: string): string {
  return text.replaceAll(/'[^']*'/g, "''").replaceAll(/"[^"]*"/g, "x");
}

function unqualified(text: string): string[] {
  const calls = [
    ...bare(text)
      .replaceAll(ALIASES, "")
      .replaceAll(UNNEST, "(")
      .matchAll(/(?<![\w.])([a-z_]\w*)\s*\(/g),
  ];
  const types = [...bare(text).matchAll(/::([a-z_]\w*)(?!\w*\.)/g)];
  return [
    ...calls.flatMap(([, name = ""]) => (KEYWORDS.has(name) || /^(as |i$|j$)/.test(name) ? [] : [`${name}()`])),
    ...types.flatMap(([, name = ""]) => (KEYWORD_TYPES.has(name) ? [] : [`::${name}`])),
  ];
}

describe("the names in statements", () => {
  for (const durability of ["full", "relaxed"] as const) {
    for (const [name, text] of textsOf(durability)) {
      it(`have their schema in ${name}, ${durability}`, () => {
        expect(unqualified(text)).to.deep.equal([]);
      });
    }
  }

  it("are noticed by this test if they lack it", () => {
    expect(
      unqualified("select now(), f.x::text from unnest ($1) left join unnest($1, $2) on true where a in (1)"),
    ).to.deep.equal(["now()", "unnest()", "::text"]);
  });

  it("have their schema wherever the sources call a function of PostgreSQL's", async () => {
    const client = new pg.Client((await testDatabase()).url);
    await client.connect();
    const { rows } = await client.query<{ name: string }>(
      "select distinct proname as name from pg_proc where pronamespace = 'pg_catalog'::regnamespace",
    );
    await client.end();
    const functions = new Set(rows.map(({ name }) => name).filter((name) => !KEYWORDS.has(name)));
    const offenders = sources(root, ["lib/engine", "lib/postgres"]).flatMap((path) => {
      const source = readFileSync(new URL(path, root), "utf8")
        .replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*/g, "")
        .replaceAll(UNNEST, "(");
      const calls = [...source.matchAll(/(?<![\w.#$])(?<!function |get )([a-z_]\w*)\(/g)].map(([, name = ""]) => name);
      return calls.filter((name) => functions.has(name)).map((name) => `${path}: ${name}()`);
    });
    expect(offenders).to.deep.equal([]);
  });
});
