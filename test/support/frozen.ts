import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Embedded } from "../../lib/embedded.js";

/**
 * Freezes a server (SIGSTOP): it keeps its sockets and does not reply, as on storage that stalls.
 */
export function freeze(server: Embedded): void {
  signal(server, "SIGSTOP");
}

/** Resumes a frozen server. */
export function thaw(server: Embedded): void {
  signal(server, "SIGCONT");
}

function signal({ directory }: Embedded, name: "SIGSTOP" | "SIGCONT"): void {
  const [line = ""] = readFileSync(join(directory, "postmaster.pid"), "utf8").split("\n");
  const postmaster = Number(line);
  // The postmaster first, so that it starts no more children.
  process.kill(postmaster, name);
  for (const pid of childrenOf(postmaster)) {
    try {
      process.kill(pid, name);
    } catch (error) {
      // It has exited meanwhile.
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }
}

function childrenOf(pid: number): number[] {
  try {
    const list = execFileSync("ps", ["-o", "pid=", "--ppid", String(pid)], { encoding: "utf8" });
    return list.split("\n").filter(Boolean).map(Number);
  } catch {
    return [];
  }
}
