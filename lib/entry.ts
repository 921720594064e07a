import { fileURLToPath } from "node:url";
import { BundledError } from "./errors.js";

/** The end of this module's URL, unless it was bundled. */
const HERE = /\/dist\/lib\/entry\.js$/;

/**
 * Returns the path of a file of this package from which a thread or process starts.
 *
 * @param path The file's path from `dist`.
 * @throws {@link BundledError} inside a bundle, which does not contain such files.
 */
export function entry(path: string): string {
  // `import.meta` is empty in a bundle to CommonJS.
  const url = import.meta.url as string | undefined;
  if (url === undefined || !HERE.test(new URL(url).pathname)) throw new BundledError(url, path);
  return fileURLToPath(new URL(`../${path}`, url));
}
