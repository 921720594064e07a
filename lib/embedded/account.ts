import { readFile } from "node:fs/promises";

/** The unprivileged system account that PostgreSQL runs as when this process is root, because it refuses to be root. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** `nobody` when this process is root; undefined for everyone else, who runs PostgreSQL as himself. */
export async function unprivilegedAccount(): Promise<Account | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  // Its number differs from system to system, and initdb wants an account that has an entry here.
  const passwd = await readFile("/etc/passwd", "utf8").catch(() => "");
  const entry = /^nobody:[^:]*:(-?\d+):(-?\d+):/m.exec(passwd);
  return entry ? { uid: Number(entry[1]), gid: Number(entry[2]) } : { uid: 65_534, gid: 65_534 };
}
