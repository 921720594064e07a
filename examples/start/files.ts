import { readdir, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { Ending } from "./ending.js";

/** A file to be worked on. */
export interface SourceFile {
  /** Absolute: the other process may have been started somewhere else. */
  readonly path: string;
  readonly bytes: number;
}

/** The clone itself: this file runs as `dist/examples/start/files.js`. */
export const DEFAULT_FOLDER = fileURLToPath(new URL("../../../", import.meta.url));

/** What is made or installed, and what is hidden. */
const LEFT_OUT = /^(node_modules|dist|coverage|\..*)$/;

/** Brotli at quality 11 takes about two seconds for a megabyte: larger files are left out. */
const LARGEST = 1_048_576;
const MOST = 1_000;

/**
 * The files of a folder and its subfolders, by name, at most 1,000 of at most 1 MiB; `node_modules`, `dist`, `coverage` and
 * hidden folders are left out. Throws {@link Ending} where there is no such folder, or nothing in it.
 */
export async function listFiles(folder: string): Promise<SourceFile[]> {
  const root = resolve(folder);
  const facts = await stat(root).catch(() => undefined);
  if (facts === undefined) throw new Ending(`There is no ${folder}. Name a folder: npm start -- PATH`);
  if (!facts.isDirectory()) throw new Ending(`${folder} is no folder. Name one: npm start -- PATH`);
  const files: SourceFile[] = [];
  for await (const file of walk(root)) {
    if (file.bytes <= LARGEST) files.push(file);
    if (files.length === MOST) break;
  }
  if (files.length === 0) throw new Ending(`${folder} has no file of 1 byte to 1 MiB. Name another folder.`);
  return files;
}

async function* walk(folder: string): AsyncGenerator<SourceFile> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    throw new Ending(`${folder} cannot be read (${error.code})`);
  });
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, entry.name);
    if (entry.isDirectory() && !LEFT_OUT.test(entry.name)) yield* walk(path);
    if (!entry.isFile()) continue;
    const { size } = await stat(path);
    if (size > 0) yield { path, bytes: size };
  }
}
