import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { setTimeout as sleep } from "node:timers/promises";
import { defineWorker, type Job } from "../../lib/worker.js";

const SET_OFF: Readonly<Record<string, (delay: number) => void>> = {
  timer: (delay) => {
    setTimeout(() => {
      throw new Error("from a timer");
    }, delay);
  },
  rejection: (delay) => {
    void sleep(delay).then(() => {
      throw new Error("from a rejection");
    });
  },
};

/** Completes, but leaves something behind that throws later. */
export const leaving = defineWorker(import.meta.url, {
  name: "leaving",
  perform: ({ args }: Job<{ what: string; delay: number }>) => {
    SET_OFF[args.what]?.(args.delay);
    return "done";
  },
});

/** Starts something that throws, then waits forever. */
export const waiting = defineWorker(import.meta.url, {
  name: "waiting",
  perform: ({ args }: Job<{ what: string }>) => {
    SET_OFF[args.what]?.(1);
    return new Promise<never>(() => {});
  },
});

/** Ends when its signal aborts, and returns the reason. */
export const abortable = defineWorker(import.meta.url, {
  name: "abortable",
  perform: (_job: Job<Record<string, never>>, { signal }) =>
    new Promise<{ name: string; message: string }>((resolve) => {
      const end = (): void =>
        resolve({ name: (signal.reason as Error).name, message: (signal.reason as Error).message });
      if (signal.aborted) end();
      else signal.addEventListener("abort", end);
    }),
});

/** Returns the modules that its thread has loaded, and the priorities of threads. */
export const looking = defineWorker(import.meta.url, {
  name: "looking",
  perform: () => ({
    loaded: Object.keys(createRequire(import.meta.url).cache),
    nice: process.platform === "linux" ? niceness() : null,
  }),
});

/** The priorities of this thread and of the main thread. */
function niceness(): { thread: number; main: number } {
  const nice = (path: string): number => Number(readFileSync(path, "utf8").split(") ")[1]?.split(" ")[16]);
  return { thread: nice("/proc/thread-self/stat"), main: nice(`/proc/self/task/${process.pid}/stat`) };
}
