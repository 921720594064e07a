import { readdir, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { showThrown } from "../codec/show.js";
import { type AnyWorker, isWorker } from "../worker.js";
import { UsageError } from "./usage.js";

const MODULE = /\.[cm]?js$/;
/** Skipped folders: hidden ones and installed packages. */
const LEFT_OUT = /^(\..*|node_modules)$/;

/**
 * Imports modules and, recursively, all modules of folders. Returns the workers that they export.
 *
 * @throws {@link UsageError} if a path exports none, a module fails to import, or
 * two workers share a name.
 */
export async function loadWorkers(paths: readonly string[]): Promise<AnyWorker[]> {
  const workers = new Map<string, AnyWorker>();
  for (const path of paths) {
    let exported = 0;
    for (const file of await modulesAt(path)) {
      for (const worker of await exportedWorkers(file)) {
        exported += 1;
        const other = workers.get(worker.name);
        // A worker may be exported twice, for example by its module and by an index.
        if (other !== undefined && other !== worker) throw new UsageError(twice(worker, other));
        workers.set(worker.name, worker);
      }
    }
    if (exported === 0)
      throw new UsageError(`${path} exports no worker: define one with defineWorker(import.meta.url, …) and export it`);
  }
  return [...workers.values()];
}

function twice(worker: AnyWorker, other: AnyWorker): string {
  return `two workers have the name ${worker.name}: one of ${other.url}, one of ${worker.url}. Rename one`;
}

async function modulesAt(path: string): Promise<string[]> {
  const root = resolve(path);
  const found = await stat(root).catch(() => null);
  if (found === null)
    throw new UsageError(`${path} does not exist: --workers takes a JavaScript module, or a folder of modules`);
  return found.isDirectory() ? await modulesIn(root) : [root];
}

async function modulesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const modules: string[] = [];
  for (const entry of entries.toSorted((a, b) => a.name.localeCompare(b.name))) {
    const path = join(folder, entry.name);
    if (entry.isDirectory() && !LEFT_OUT.test(entry.name)) modules.push(...(await modulesIn(path)));
    else if (!entry.isDirectory() && MODULE.test(entry.name)) modules.push(path);
  }
  return modules;
}

async function exportedWorkers(file: string): Promise<AnyWorker[]> {
  const module = await importModule(file);
  const { default: main } = module;
  // The exports of a CommonJS module are properties of its default export.
  const inMain = typeof main === "object" && main !== null ? Object.values(main) : [];
  return [...Object.values(module), ...inMain].filter(isWorker);
}

async function importModule(file: string): Promise<Record<string, unknown>> {
  try {
    return (await import(pathToFileURL(file).href)) as Record<string, unknown>;
  } catch (error) {
    throw new UsageError(`${file} does not import: ${showThrown(error)}`, {
      cause: error,
    });
  }
}
