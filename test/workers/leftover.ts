import { appendFileSync, existsSync } from "node:fs";
import { exit } from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { defineWorker, type Job } from "../../lib/worker.js";

/**
 * Completes, but leaves something behind that ends the thread once `file` exists: by
 * `process.exit`, or by filling its memory.
 */
export const leftover = defineWorker(import.meta.url, {
  name: "leftover",
  perform: ({ args: { file, how } }: Job<LeftoverArgs>) => {
    setInterval(() => {
      if (!existsSync(file)) return;
      if (how === "exit") process.exit(7);
      if (how === "named exit") exit(7);
      fill();
    }, 5);
    return "done";
  },
});

/** Makes the leftover end its thread in its first run, and completes in any other. */
export const innocent = defineWorker(import.meta.url, {
  name: "innocent",
  perform: async ({ args: { file } }: Job<LeftoverArgs>) => {
    const first = !existsSync(file);
    appendFileSync(file, "run\n");
    if (first) await sleep(60_000);
    return "through";
  },
});

/** Ends its thread each time, and not by a call that tells whose it is. */
export const memory = defineWorker(import.meta.url, {
  name: "memory",
  perform: ({ args: { file } }: Job<LeftoverArgs>) => {
    appendFileSync(file, "run\n");
    fill();
  },
});

interface LeftoverArgs {
  readonly file: string;
  readonly how?: "exit" | "named exit" | "memory";
}

function fill(): never {
  const held: number[][] = [];
  for (;;) held.push(Array.from({ length: 1_000 }, (_, index) => index));
}
