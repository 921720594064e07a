import { readFile } from "node:fs/promises";

/**
 * The unprivileged account that runs PostgreSQL if this process is root:
 * PostgreSQL refuses to run as root.
 */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Returns `nobody` if this process is root. Undefined for other users, who
 * run PostgreSQL themselves.
 */
export async function unprivilegedAccount(): Promise<Account | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  // The ids differ between systems, and initdb requires an account with an entry here.
  const passwd = await readFile("/etc/passwd", "utf8").catch(() => "");
  const entry = /^nobody:[^:]*:(-?\d+):(-?\d+):/m.exec(passwd);
  return entry ? { uid: Number(entry[1]), gid: Number(entry[2]) } : { uid: 65_534, gid: 65_534 };
}
