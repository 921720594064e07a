import { appendFileSync, existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { defineWorker, type Job } from "../../lib/worker.js";

/** Says that it started, and waits for its gate to open or its signal to abort; see support/gate.ts. */
export const gated = defineWorker(import.meta.url, {
  name: "gated",
  backoff: () => 0,
  perform: async ({ id, attempt, args }: Job<{ gate: string; label?: string }>, { signal }) => {
    const log = (word: string): void => appendFileSync(`${args.gate}.log`, `${word} ${args.label ?? id} ${attempt}\n`);
    log("start");
    while (!existsSync(`${args.gate}.open`) && !signal.aborted) await sleep(5);
    log(signal.aborted ? "abort" : "stop");
    signal.throwIfAborted();
    return `through on attempt ${attempt}`;
  },
});

/** Says that it started, and never heeds anything. */
export const stubborn = defineWorker(import.meta.url, {
  name: "stubborn",
  perform: ({ id, attempt, args }: Job<{ gate: string }>) => {
    appendFileSync(`${args.gate}.log`, `start ${id} ${attempt}\n`);
    while (!existsSync(`${args.gate}.open`));
    return "through";
  },
});
