import { readdir, stat } from "node:fs/promises";
import { join, relative } from "node:path";

export interface FileToDo {
  readonly path: string;
  /** The path as people want to read it. */
  readonly label: string;
  readonly bytes: number;
}

const LEFT_OUT = new Set(["node_modules", ".git", "dist", "coverage"]);
const MOST_FILES = 400;
const MOST_BYTES = 2_000_000;

/**
 * The files of a folder and of those within, largest first, less what is empty or over 2 MB; 400 at most, so that the demo ends
 * in time. Throws where there is no such folder, or nothing in it.
 */
export async function filesIn(folder: string): Promise<FileToDo[]> {
  const found = await stat(folder).catch(() => null);
  if (found === null) throw new Error(`There is no ${folder}.`);
  if (!found.isDirectory()) throw new Error(`${folder} is no folder: name one that has files in it.`);
  const files: FileToDo[] = [];
  await walk(folder, folder, files);
  if (files.length === 0) throw new Error(`There are no files of up to ${MOST_BYTES} bytes in ${folder}.`);
  return files.toSorted((a, b) => b.bytes - a.bytes || a.path.localeCompare(b.path)).slice(0, MOST_FILES);
}

async function walk(root: string, folder: string, files: FileToDo[]): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory() && !LEFT_OUT.has(entry.name)) await walk(root, path, files);
    if (!entry.isFile()) continue;
    const { size } = await stat(path);
    if (size > 0 && size <= MOST_BYTES) files.push({ path, label: relative(root, path), bytes: size });
  }
}
