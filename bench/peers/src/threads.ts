import { Piscina } from "piscina";

const JOBS = new URL("./workers/jobs.js", import.meta.url);

/** Threads for the jobs of `workers/jobs.ts`, started at once. */
export function threadPool(threads: number): Piscina {
  return new Piscina({ filename: JOBS.href, minThreads: threads, maxThreads: threads });
}
