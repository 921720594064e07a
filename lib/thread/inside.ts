import { workerData } from "node:worker_threads";

/**
 * What a host gives its threads as `workerData`. It is there before any module runs in the thread, preloaded ones included,
 * and reads the same in every copy of the package and in a bundle.
 */
export const THREAD_DATA = { "pg-baton.thread": true } as const;

/** Whether this code runs in a thread that a Baton started to run jobs in. */
export function insideThread(): boolean {
  const data: unknown = workerData;
  return typeof data === "object" && data !== null && "pg-baton.thread" in data;
}
