/** HTML and SVG as a tree of tags. Text in it is always escaped, and every tag closed, so that the page is XML as well. Pure. */
export class Markup {
  constructor(readonly text: string) {}
}

export type Attributes = Readonly<Record<string, string | number>>;
export type Child = Markup | string | readonly Child[];

export function tag(name: string, attributes: Attributes, ...children: readonly Child[]): Markup {
  const inside = children.map(textOf).join("");
  const head = [name, ...Object.entries(attributes).map(([key, value]) => `${key}="${escape(shown(value))}"`)].join(
    " ",
  );
  return new Markup(inside === "" && VOID.has(name) ? `<${head}/>` : `<${head}>${inside}</${name}>`);
}

/** A tag without attributes. */
export function plain(name: string, ...children: readonly Child[]): Markup {
  return tag(name, {}, ...children);
}

/** A picture of so many units, which says what it is to those who do not see it. `id` must be its own on the page. */
export function svg(
  { id, width, height, title, about }: { id: string; width: number; height: number; title: string; about: string },
  ...children: readonly Child[]
): Markup {
  const labels = { role: "img", "aria-labelledby": `${id}-title ${id}-about` };
  return tag(
    "svg",
    { xmlns: "http://www.w3.org/2000/svg", viewBox: `0 0 ${width} ${height}`, width, height, ...labels },
    tag("title", { id: `${id}-title` }, title),
    tag("desc", { id: `${id}-about` }, about),
    ...children,
  );
}

/** Those that HTML wants without an end: all others may be empty, but not unclosed. */
const VOID = new Set(["meta", "link", "br", "hr", "path", "line", "rect", "circle"]);

function textOf(child: Child): string {
  if (child instanceof Markup) return child.text;
  return typeof child === "string" ? escape(child) : child.map(textOf).join("");
}

/** A tenth of a unit is finer than any screen. */
function shown(value: string | number): string {
  return typeof value === "number" ? String(Math.round(value * 10) / 10) : value;
}

const ESCAPES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** What XML does not allow at all. */
// oxlint-disable-next-line eslint/no-control-regex
const FORBIDDEN = /[\u0000-\u0008\u000B\u000C\u000E-\u001F\uFFFE\uFFFF]/g;

function escape(text: string): string {
  return text
    .toWellFormed()
    .replace(/[&<>"']/g, (character) => ESCAPES[character] ?? "")
    .replace(FORBIDDEN, "");
}
