// #region worker
import { scryptSync } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { cancel, defineWorker, discard, type Job, snooze } from "../../lib/worker.js";

export default defineWorker(import.meta.url, {
  name: "digest",
  queue: "files", // default "default"
  maxAttempts: 5, // default 20
  perform: async ({ args: { path } }: Job<{ path: string }>, { signal }) => {
    const file = await stat(path).catch(() => null);
    if (file === null) return discard("no such file"); // ends as discarded, never retried
    if (file.size === 0) return cancel("empty file"); // ends as cancelled, never retried
    if (Date.now() - file.mtimeMs < 1_000) return snooze(1); // still being written: runs again in 1 s
    const content = await readFile(path, { signal }); // aborts when a stop interrupts the job
    return scryptSync(content, "pg-baton", 32).toString("hex"); // the result; a throw fails the attempt
  },
  backoff: (job) => 1_000 * job.attempt, // ms until the retry after a failed attempt
});
// #endregion
