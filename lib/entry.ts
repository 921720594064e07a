import { fileURLToPath } from "node:url";
import { BundledError } from "./errors.js";

/** Where this file lies in the package, and nowhere else. */
const HERE = /\/dist\/lib\/entry\.js$/;

/**
 * The path of a file of this package that a thread or a process starts from, given from `dist`.
 * Throws {@link BundledError} inside a bundle: the bundle has none of these files beside it.
 */
export function entry(path: string): string {
  // A bundle in CommonJS has no `import.meta`.
  const url = import.meta.url as string | undefined;
  if (url === undefined || !HERE.test(new URL(url).pathname)) throw new BundledError(url, path);
  return fileURLToPath(new URL(`../${path}`, url));
}
