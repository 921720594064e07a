import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import pg from "pg";
import type { Embedded } from "../../lib/embedded.js";

/**
 * Freezes a server for so many ms, as storage that hangs does. A separate process
 * does it, so that the server resumes even if this one is killed meanwhile.
 */
export async function freezeServer({ directory }: Embedded, ms: number): Promise<void> {
  const [main = ""] = readFileSync(join(directory, "postmaster.pid"), "utf8").split("\n");
  process.kill(Number(main), "SIGSTOP");
  // The postmaster starts no more children now.
  const { stdout } = await promisify(execFile)("ps", ["-A", "-o", "pid=,ppid="]);
  const family = stdout
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter(([, parent]) => parent === main)
    .map(([pid]) => pid);
  const pids = [...family, main].join(" ");
  const script = `kill -STOP ${pids}; sleep ${ms / 1_000}; kill -CONT ${pids}`;
  const child = spawn("/bin/sh", ["-c", script], { detached: true, stdio: "ignore" });
  await once(child, "exit");
}

/**
 * Holds the lock of a plain `create index` on the table of jobs for so
 * many ms, or until the server crashes.
 */
export async function lockJobs({ url }: Embedded, ms: number): Promise<void> {
  const sql = new pg.Client({ connectionString: url, application_name: "soak" });
  sql.on("error", () => {});
  try {
    await sql.connect();
    await sql.query("begin; lock table baton.jobs in share mode");
    await sleep(ms);
  } finally {
    await sql.end();
  }
}
