import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmod, chown, lstat, mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { promisify } from "node:util";
import type { Account } from "./account.js";
import type { Installation } from "./installation.js";
import { copyTree, giveTree, listTree } from "./tree.js";

const run = promisify(execFile);

/**
 * The file in the data directory that contains the superuser's password. Every local user can reach
 * the port, but only the owner can read this file.
 */
export const PASSWORD_FILE = "embedded.password";

/**
 * The file that contains the number of files and folders in a kit, written last. Cleaners of
 * temporary folders may have deleted some of an old kit.
 */
const COMPLETE = "complete";

/**
 * PostgreSQL ready to run: a copy of the installation with its library links, readable by the
 * account that runs it, and a template of the data directory. Copying the template takes a
 * third of the time of `initdb`.
 *
 * Kits stay in the system's temporary folder for the next start: 100 MB each,
 * one per version and user.
 */
export class Kit {
  readonly folder: string;
  readonly #account: Account | undefined;

  private constructor(folder: string, account: Account | undefined) {
    this.folder = folder;
    this.#account = account;
  }

  /**
   * Opens the kit, and builds it first if necessary. Processes may build it at the same
   * time: the first to finish wins.
   */
  static async open(installation: Installation, account: Account | undefined): Promise<Kit> {
    const { version, platform } = installation;
    const user = process.getuid?.() ?? "user";
    const folder = join(tmpdir(), `pg-baton-postgres-${version}-${platform}-${user}`);
    if (!(await usable(folder))) {
      const draft = await mkdtemp(`${folder}.`);
      try {
        await build(draft, installation, account);
        await replace(folder, draft);
      } finally {
        await rm(draft, { recursive: true, force: true });
      }
    }
    return new Kit(folder, account);
  }

  binary(name: "postgres" | "pg_ctl"): string {
    return binary(this.folder, name);
  }

  /** Copies the template into an empty directory. */
  async furnish(directory: string): Promise<void> {
    await copyTree(join(this.folder, "template"), directory);
    await chmod(directory, 0o700);
    await giveTree(directory, this.#account);
  }
}

async function build(folder: string, installation: Installation, account: Account | undefined): Promise<void> {
  await copyTree(installation.folder, folder);
  // npm may not have run the install script that creates these links.
  const list = await readFile(join(folder, "pg-symlinks.json"), "utf8").catch(() => "[]");
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    const link = join(folder, relative("native", target));
    await rm(link, { force: true });
    await symlink(relative(dirname(target), source), link);
  }
  // npm's umask may hide the files from `account`. Without one, only this
  // user may enter the folder.
  for (const path of await listTree(folder)) {
    const stat = await lstat(path);
    if (!stat.isSymbolicLink()) await chmod(path, stat.isDirectory() || dirname(path).endsWith("bin") ? 0o755 : 0o644);
  }
  await chmod(folder, account ? 0o755 : 0o700);

  const template = join(folder, "template");
  const password = join(folder, PASSWORD_FILE);
  await mkdir(template, { mode: 0o700 });
  await writeFile(password, randomBytes(18).toString("base64url"), { mode: 0o600 });
  if (account) for (const path of [template, password]) await chown(path, account.uid, account.gid);
  const cluster = ["-D", template, "--username=postgres", `--pwfile=${password}`, "--auth=scram-sha-256", "--no-sync"];
  const flags = [...cluster, "--encoding=UTF8", "--locale=C", ...flagsSince(Number.parseInt(installation.version, 10))];
  await run(binary(folder, "initdb"), flags, { cwd: folder, ...account });
  await rename(password, join(template, PASSWORD_FILE));
  const count = (await listTree(folder)).length + 1;
  await writeFile(join(folder, COMPLETE), String(count));
}

/** Returns the flags of `initdb` that older releases of PostgreSQL lack. */
function flagsSince(major: number): string[] {
  return [
    ...(major < 14 ? [] : ["--no-instructions"]),
    // A password of 144 random bits needs no stretching, and one iteration makes connecting fast.
    ...(major < 16 ? [] : ["--set", "scram_iterations=1"]),
    ...(major < 17 ? [] : ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]),
  ];
}

/**
 * Whether a complete kit exists. Throws if another user owns or may write to it,
 * because Baton would run its programs.
 */
async function usable(folder: string): Promise<boolean> {
  const stat = await lstat(folder).catch(ifMissing);
  if (stat === undefined) return false;
  const ours = stat.uid === (process.getuid?.() ?? stat.uid) && (process.platform === "win32" || !(stat.mode & 0o022));
  if (!stat.isDirectory() || !ours) {
    throw new Error(
      `Cannot use ${folder}: another user owns it or may write to it. Remove it, or set TMPDIR to a folder of your own.`,
    );
  }
  const count = await readFile(join(folder, COMPLETE), "utf8").catch(ifMissing);
  return Number(count) === (await listTree(folder)).length;
}

/** Replaces the kit by the draft, unless another process has just done so. */
async function replace(folder: string, draft: string): Promise<void> {
  const old = `${draft}.old`;
  if (!(await usable(folder))) await rename(folder, old).catch(ifMissing);
  await rename(draft, folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST" && error.code !== "EPERM") throw error;
  });
  await rm(old, { recursive: true, force: true });
}

function binary(folder: string, name: string): string {
  return join(folder, "bin", process.platform === "win32" ? `${name}.exe` : name);
}

function ifMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== "ENOENT") throw error;
}
