import { readdirSync, readFileSync } from "node:fs";
import { posix } from "node:path";

/** The root of the repository. This file runs as `dist/test/examples/page.js`. */
const ROOT = new URL("../../../", import.meta.url);

/** A fenced block of a page, with the marker above it. */
export interface Block {
  readonly language: string;
  readonly text: string;
  /** What the block shows, such as `examples/host.ts#host`. Undefined if nothing says so. */
  readonly source: string | undefined;
}

/** Pages that are made by a command, or drawn for maintainers. */
const OTHERS = new Set(["docs/architecture.md", "docs/benchmarks.md", "docs/performance.md"]);

/** The pages for users, as paths from the root. */
export const PAGES: readonly string[] = ["README.md", ...filesOf("docs").filter((path) => path.endsWith(".md"))].filter(
  (path) => !OTHERS.has(path),
);

/** Reads a file of the repository. */
export function read(path: string): string {
  return readFileSync(new URL(path, ROOT), "utf8");
}

/** The files and folders in a folder, as paths from the root. */
export function filesOf(folder: string): string[] {
  return readdirSync(new URL(folder, ROOT)).map((name) => posix.join(folder, name));
}

/** The fenced blocks of a page. */
export function blocksOf(page: string): Block[] {
  const fences = read(page).matchAll(/(?:<!-- (examples\/\S+) -->\n)?```(\w*)\n([\s\S]*?)\n```/g);
  return [...fences].map(([, source, language = "", text = ""]) => ({ language, text, source }));
}

/** A file of examples, or the region that is named after `#`, as a user would write it. */
export function excerpt(source: string): string {
  const [path = "", name] = source.split("#");
  const text = read(path).trimEnd();
  const lines = name === undefined ? text.split("\n") : regionOf(text.split("\n"), name);
  return dedent(lines).replaceAll(
    /"(?:\.\.\/)+lib\/(index|worker|embedded)\.js"/g,
    (_, entry: string) => `"pg-baton${entry === "index" ? "" : `/${entry}`}"`,
  );
}

/** The slugs of a page's headings, by which links name them. */
export function anchorsOf(page: string): string[] {
  const prose = read(page).replaceAll(/```[\s\S]*?\n```/g, "");
  return [...prose.matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, "")
      .replaceAll(" ", "-"),
  );
}

function regionOf(lines: readonly string[], name: string): string[] {
  const start = lines.findIndex((line) => line.trim().endsWith(`#region ${name}`));
  const length = lines.slice(start).findIndex((line) => line.trim().endsWith("#endregion"));
  if (start === -1 || length === -1) throw new Error(`There is no region ${name}`);
  return lines.slice(start + 1, start + length);
}

function dedent(lines: readonly string[]): string {
  const indents = lines.filter((line) => line !== "").map((line) => line.length - line.trimStart().length);
  return lines.map((line) => line.slice(Math.min(...indents))).join("\n");
}
