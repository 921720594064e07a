import { type Child, type Markup, plain, tag } from "./markup.js";

/** A cell with a class of its own, or just what is in it. */
export type Cell = Child | { readonly className: string; readonly child: Child };

/** The first `words` columns are text, to the left; all others are figures, to the right. */
export function htmlTable(head: readonly string[], rows: readonly (readonly Cell[])[], words = 1): Markup {
  const classOf = (column: number) => (column < words ? { class: "words" } : {});
  const titles = head.map((title, column) => tag("th", { scope: "col", ...classOf(column) }, title));
  const lines = rows.map((row) =>
    plain(
      "tr",
      row.map((cell, column) => {
        const { className, child } = isStyled(cell) ? cell : { className: undefined, child: cell };
        const attributes = className === undefined ? classOf(column) : { class: className };
        return column === 0 ? tag("th", { scope: "row", ...attributes }, child) : tag("td", attributes, child);
      }),
    ),
  );
  const table = plain("table", plain("thead", plain("tr", titles)), plain("tbody", lines));
  return tag("div", { class: "wide" }, table);
}

function isStyled(cell: Cell): cell is { className: string; child: Child } {
  return typeof cell === "object" && "className" in cell;
}
