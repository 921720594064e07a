import { readdir, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { Ending } from "./ending.js";

/** A file to compress. */
export interface SourceFile {
  /** Absolute, since the other process may have another working directory. */
  readonly path: string;
  readonly bytes: number;
}

/** The root of the clone. This file runs as `dist/examples/start/files.js`. */
export const DEFAULT_FOLDER = fileURLToPath(new URL("../../../", import.meta.url));

/** Folders that hold build output or dependencies, and hidden ones. */
const LEFT_OUT = /^(node_modules|dist|coverage|\..*)$/;

/** Bytes of the largest file. Brotli at quality 11 takes about two seconds for a megabyte. */
const LARGEST = 1_048_576;
const MOST = 1_000;

/**
 * Lists the files of a folder and its subfolders by name: at most 1,000, each of at most 1 MiB.
 * Leaves out `node_modules`, `dist`, `coverage` and hidden folders.
 *
 * @throws {@link Ending} if there is no such folder, or no file in it.
 */
export async function listFiles(folder: string): Promise<SourceFile[]> {
  const root = resolve(folder);
  const facts = await stat(root).catch(() => undefined);
  if (facts === undefined) throw new Ending(`There is no ${folder}. Name a folder: npm start -- PATH`);
  if (!facts.isDirectory()) throw new Ending(`${folder} is not a folder. Name one: npm start -- PATH`);
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
