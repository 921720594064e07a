import { execFile } from "node:child_process";
import { mkdtempSync, realpathSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";

/** The commit of the release before this one. */
export const PREVIOUS = "42b3b28";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const run = promisify(execFile);

/** Another release of this repository, built in a temporary folder. */
export interface Release {
  /** The script of its hosts, for `Hosts.spawn`. */
  readonly script: URL;
  remove(): void;
}

/**
 * Builds the release of a commit with the installed packages. Rejects if
 * the commit or git is missing.
 */
export async function buildRelease(commit: string): Promise<Release> {
  const folder = mkdtempSync(join(tmpdir(), "baton-release-"));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  try {
    const archive = join(folder, "release.tar");
    await run("git", ["archive", "--output", archive, commit], { cwd: ROOT });
    await run("tar", ["-xf", archive], { cwd: folder });
    const modules = realpathSync(join(ROOT, "node_modules"));
    symlinkSync(modules, join(folder, "node_modules"));
    await run(process.execPath, [join(modules, "typescript/bin/tsc"), "-p", "tsconfig.json"], { cwd: folder });
    return { script: pathToFileURL(join(folder, "dist/test/system/processes/host.js")), remove };
  } catch (error) {
    remove();
    throw new Error(`Release ${commit} cannot be built: ${(error as Error).message}`, { cause: error });
  }
}
