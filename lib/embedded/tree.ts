import { constants } from "node:fs";
import { copyFile, lchown, mkdir, readdir } from "node:fs/promises";
import { join, relative } from "node:path";
import type { Account } from "./account.js";

/**
 * Copies the content of a folder into an existing one, all files at once: for small files
 * several times faster than `fs.cp`.
 */
export async function copyTree(from: string, to: string): Promise<void> {
  const entries = await readdir(from, { recursive: true, withFileTypes: true });
  const paths = entries.map((entry) => ({ entry, path: relative(from, join(entry.parentPath, entry.name)) }));
  // `recursive`: a folder may be listed after one of its subfolders.
  for (const { entry, path } of paths) if (entry.isDirectory()) await mkdir(join(to, path), { recursive: true });
  const files = paths.filter(({ entry }) => !entry.isDirectory());
  await Promise.all(files.map(({ path }) => copyFile(join(from, path), join(to, path), constants.COPYFILE_FICLONE)));
}

/** Changes the owner of a folder and its content. Does nothing without an account. */
export async function giveTree(folder: string, account: Account | undefined): Promise<void> {
  if (account === undefined) return;
  const paths = [folder, ...(await listTree(folder))];
  await Promise.all(paths.map((path) => lchown(path, account.uid, account.gid)));
}

/** Lists the full paths of all files and folders in a folder, recursively. */
export async function listTree(folder: string): Promise<string[]> {
  return (await readdir(folder, { recursive: true })).map((path) => join(folder, path));
}
