// #region worker
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { defineWorker, type Job } from "../../lib/worker.js";

export default defineWorker(import.meta.url, {
  name: "receipt",
  perform: async ({ id, args: { folder, amount } }: Job<{ folder: string; amount: number }>) => {
    const path = join(folder, `${id}.json`); // the job's id names the effect
    try {
      await writeFile(path, JSON.stringify({ amount }), { flag: "wx" });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error; // an earlier run did it
    }
    return path;
  },
});
// #endregion
