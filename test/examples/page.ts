import { existsSync, readdirSync, readFileSync } from "node:fs";
import { posix } from "node:path";

/** The root of the repository. This file runs as `dist/test/examples/page.js`. */
const ROOT = new URL("../../../", import.meta.url);

/** A fenced block of a page. */
export interface Block {
  readonly language: string;
  readonly text: string;
  /** The excerpt that the marker above the block names, such as `examples/host.ts#host`. */
  readonly source: string | undefined;
}

/** Pages for maintainers, and one that a command makes. */
const OTHERS = new Set(["docs/architecture.md", "docs/benchmarks.md", "docs/performance.md"]);

/** The pages for users, as paths from the root. */
export const PAGES: readonly string[] = ["README.md", ...filesOf("docs").filter((path) => path.endsWith(".md"))].filter(
  (path) => !OTHERS.has(path),
);

/** Whether the repository has a file or folder at a path from its root. */
export function exists(path: string): boolean {
  return existsSync(new URL(path, ROOT));
}

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

/** An example, or the region of it after `#`, with the imports that a user would write. */
export function excerpt(source: string): string {
  const [path = "", name] = source.split("#");
  const text = read(path).trimEnd();
  const lines = name === undefined ? text.split("\n") : regionOf(text.split("\n"), name);
  return dedent(lines).replaceAll(
    /"(?:\.\.\/)+lib\/(index|worker|embedded)\.js"/g,
    (_, entry: string) => `"pg-baton${entry === "index" ? "" : `/${entry}`}"`,
  );
}

/** The slugs of a page's headings, which links use as anchors. */
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
