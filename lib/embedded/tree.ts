import { constants } from "node:fs";
import { copyFile, lchown, mkdir, readdir } from "node:fs/promises";
import { join, relative } from "node:path";
import type { Account } from "./account.js";

/** Copies what is in a folder into one that exists, all files at once: several times as fast as `fs.cp` with small files. */
export async function copyTree(from: string, to: string): Promise<void> {
  const entries = await readdir(from, { recursive: true, withFileTypes: true });
  const paths = entries.map((entry) => ({ entry, path: relative(from, join(entry.parentPath, entry.name)) }));
  // A folder may be listed after one that lies in it.
  for (const { entry, path } of paths) if (entry.isDirectory()) await mkdir(join(to, path), { recursive: true });
  const files = paths.filter(({ entry }) => !entry.isDirectory());
  await Promise.all(files.map(({ path }) => copyFile(join(from, path), join(to, path), constants.COPYFILE_FICLONE)));
}

/** Makes the account the owner of a folder and all that is in it. Without an account it does nothing. */
export async function giveTree(folder: string, account: Account | undefined): Promise<void> {
  if (account === undefined) return;
  const paths = [folder, ...(await listTree(folder))];
  await Promise.all(paths.map((path) => lchown(path, account.uid, account.gid)));
}

/** The full paths of all files and folders in a folder. */
export async function listTree(folder: string): Promise<string[]> {
  return (await readdir(folder, { recursive: true })).map((path) => join(folder, path));
}
