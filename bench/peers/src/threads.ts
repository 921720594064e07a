import { Piscina } from "piscina";

const JOBS = new URL("./workers/jobs.js", import.meta.url);

/** Starts threads for the jobs of `workers/jobs.ts`. */
export function threadPool(threads: number): Piscina {
  return new Piscina({ filename: JOBS.href, minThreads: threads, maxThreads: threads });
}
