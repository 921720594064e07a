import { workerData } from "node:worker_threads";

/**
 * The `workerData` of Baton's threads. It is set before any module runs in the thread, even
 * preloaded ones, and reads the same in every copy of the package and in a bundle.
 */
export const THREAD_DATA = { "pg-baton.thread": true } as const;

/** Whether this code runs in a thread that a Baton started to run jobs in. */
export function insideThread(): boolean {
  const data: unknown = workerData;
  return typeof data === "object" && data !== null && "pg-baton.thread" in data;
}
