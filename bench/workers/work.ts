import { scryptSync } from "node:crypto";
import { defineWorker } from "../../lib/worker.js";

/** About 10 ms of work for a core, the same amount each time. */
export function workOnce(): string {
  return scryptSync("password", "salt", 32, { N: 4_096, r: 8, p: 1 }).toString("hex");
}

export const work = defineWorker(import.meta.url, { name: "work", perform: () => workOnce() });
