import type { Statement } from "../postgres/database.js";
import { named } from "./fragments.js";

/**
 * Parameters of statements, by name. One list makes both the text of a statement and the array of
 * its values, so they always match.
 */

/** What one parameter or one element of an array holds. */
type Value = string | number | boolean | null;

/** A prepared statement and the function that makes its values. */
export interface Operation<Input extends readonly unknown[]> extends Statement {
  readonly values: (...input: Input) => unknown[];
}

export function operation<Input extends readonly unknown[]>(
  name: string,
  text: string,
  values: (...input: Input) => unknown[],
): Operation<Input> {
  return { ...named(name, text), values };
}

/** The flag that `Engine.#notifying` appends to the values; always the last parameter. */
type Flag = "notify";

/** Parameters that hold one value each. */
export class Parameters<Name extends string> {
  /** The placeholders: `$1`, `$2` and so on, by name. */
  readonly $: Readonly<Record<Name, string>>;
  readonly #names: readonly Exclude<Name, Flag>[];

  /** @param first the number of the first of them. @default 1 */
  constructor(names: readonly Name[], first = 1) {
    this.$ = Object.fromEntries(names.map((name, at) => [name, `$${first + at}`])) as Record<Name, string>;
    const flag = names.findIndex((name) => name === "notify");
    if (flag !== -1 && flag !== names.length - 1) throw new Error("The parameter notify must be the last");
    this.#names = names.filter((name): name is Exclude<Name, Flag> => name !== "notify");
  }

  /** Appends the values to those of the parameters before them. */
  values(given: Readonly<Record<Exclude<Name, Flag>, unknown>>, preceding: unknown[] = []): unknown[] {
    for (const name of this.#names) preceding.push(given[name]);
    return preceding;
  }
}

/**
 * A column that a statement reads from its parameters: its name, its type, and its value for an
 * item.
 */
export type Column<Item> = readonly [name: string, type: string, valueOf: ValueOf<Item>];

type ValueOf<Item> = (item: Item) => Value;

/**
 * Columns of items. A statement for one item has a parameter per column, a statement for many has
 * an array per column. For a single item, unnesting arrays would cost as much as the write.
 */
export class Columns<Item> {
  readonly #columns: readonly Column<Item>[];
  readonly #values: readonly ValueOf<Item>[];
  readonly #arrays: readonly ((items: readonly Item[]) => string)[];

  constructor(columns: readonly Column<Item>[]) {
    this.#columns = columns;
    this.#values = columns.map(([, , valueOf]) => valueOf);
    this.#arrays = columns.map(([, type, valueOf]) => (items) => {
      const values = items.map(valueOf);
      return type === JSONB ? `[${values.map((value) => value ?? "null").join(",")}]` : arrayOf(values);
    });
  }

  /** Selects one item from its parameters, the first of the statement. */
  get one(): string {
    return `select ${this.#columns.map(([name, type], at) => `$${at + 1}::${type} as ${name}`).join(", ")}`;
  }

  /**
   * Selects many items from their arrays, in order. `more` are further arrays, by column.
   * PostgreSQL has no arrays of arrays of different lengths, so these come as text; JSON comes as
   * one array.
   */
  many(more: Readonly<Record<string, string>> = {}): string {
    const names = [...this.#columns.map(([name]) => name), ...Object.keys(more)];
    const selected = this.#columns.map(([name, type]) => (isArray(type) ? `${name}::${type} as ${name}` : name));
    const unnested = this.#columns.map(([, type], at) =>
      type === JSONB
        ? `pg_catalog.jsonb_array_elements($${at + 1}::${JSONB})`
        : `pg_catalog.unnest($${at + 1}::${isArray(type) ? type : `${type}[]`})`,
    );
    const extra = Object.values(more).map((array) => `pg_catalog.unnest(${array})`);
    return `select ${[...selected, ...Object.keys(more)].join(", ")}
      from rows from (${[...unnested, ...extra].join(", ")}) as i(${names.join(", ")})`;
  }

  /** The values of {@link one}. */
  valuesOf(item: Item): unknown[] {
    const values: unknown[] = [];
    for (const valueOf of this.#values) values.push(valueOf(item));
    return values;
  }

  /** The values of {@link many}. */
  arraysOf(items: readonly Item[]): unknown[] {
    return this.#arrays.map((arrayOfItems) => arrayOfItems(items));
  }

  /** The parameters that follow those of the columns. */
  followedBy<Name extends string>(...names: readonly Name[]): Parameters<Name> {
    return new Parameters(names, this.#columns.length + 1);
  }

  /** Some of these columns. */
  pick(...names: readonly string[]): Columns<Item> {
    const picked = this.#columns.filter(([name]) => names.includes(name));
    if (picked.length < names.length) throw new Error(`Not all of ${names.join(", ")} are columns`);
    return new Columns(picked);
  }
}

const JSONB = "pg_catalog.jsonb";

function isArray(type: string): boolean {
  return type.endsWith("[]");
}

/** An array as a parameter. The driver's own conversion would take half of a batch's time. */
export function arrayOf(values: readonly Value[]): string {
  return `{${values.map((value) => (typeof value === "string" ? quoted(value) : String(value))).join(",")}}`;
}

function quoted(text: string): string {
  return /["\\]/.test(text) ? `"${text.replaceAll(/["\\]/g, "\\$&")}"` : `"${text}"`;
}
