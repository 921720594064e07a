import { type Child, type Markup, plain, tag } from "./markup.js";

/** A cell with a class of its own, or just what is in it. */
export type Cell = Child | Styled;

/** The first `words` columns are text, to the left; all others are figures, to the right. */
export function htmlTable(head: readonly string[], rows: readonly (readonly Cell[])[], words = 1): Markup {
  const classOf = (column: number) => (column < words ? { class: "words" } : {});
  const titles = head.map((title, column) => tag("th", { scope: "col", ...classOf(column) }, title));
  const lines = rows.map((row) =>
    plain(
      "tr",
      row.map((cell, column) => {
        const attributes = isStyled(cell) ? { class: cell.className } : classOf(column);
        const child = isStyled(cell) ? cell.child : cell;
        return column === 0 ? tag("th", { scope: "row", ...attributes }, child) : tag("td", attributes, child);
      }),
    ),
  );
  const table = plain("table", plain("thead", plain("tr", titles)), plain("tbody", lines));
  return tag("div", { class: "wide" }, table);
}

interface Styled {
  readonly className: string;
  readonly child: Child;
}

function isStyled(cell: Cell): cell is Styled {
  return typeof cell === "object" && "className" in cell;
}
