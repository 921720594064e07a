import { readdir, stat } from "node:fs/promises";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { type AnyWorker, isWorker } from "../worker.js";
import { UsageError } from "./usage.js";

const MODULE = /\.[cm]?js$/;

/** Imports modules, or all modules of folders, and collects the workers that they export. Throws {@link UsageError} where there is none. */
export async function loadWorkers(paths: readonly string[]): Promise<AnyWorker[]> {
  const workers = new Set<AnyWorker>();
  for (const path of paths) {
    const before = workers.size;
    for (const file of await modulesAt(resolve(path))) {
      for (const worker of await exportedWorkers(file)) workers.add(worker);
    }
    if (workers.size === before)
      throw new UsageError(`${path} exports no worker: define some with defineWorker(import.meta.url, …)`);
  }
  return [...workers];
}

async function modulesAt(path: string): Promise<string[]> {
  const found = await stat(path).catch(() => null);
  if (found === null)
    throw new UsageError(
      `there is no ${path}: --workers takes a module, or a folder of modules, compiled to JavaScript`,
    );
  if (!found.isDirectory()) return [path];
  const names = await readdir(path);
  return names
    .filter((name) => MODULE.test(name))
    .toSorted((a, b) => a.localeCompare(b))
    .map((name) => resolve(path, name));
}

async function exportedWorkers(file: string): Promise<AnyWorker[]> {
  const module = await importModule(file);
  const { default: main } = module;
  // A CommonJS module's exports are the properties of its default.
  const inMain = typeof main === "object" && main !== null ? Object.values(main) : [];
  return [...Object.values(module), ...inMain].filter(isWorker);
}

async function importModule(file: string): Promise<Record<string, unknown>> {
  try {
    return (await import(pathToFileURL(file).href)) as Record<string, unknown>;
  } catch (error) {
    throw new UsageError(`${file} does not import: ${(error as Error).message}`, { cause: error });
  }
}
