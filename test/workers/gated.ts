import { appendFileSync, existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { defineWorker, type Job } from "../../lib/worker.js";

/** Says that it started, and waits for its gate to open or its signal to abort; see support/gate.ts. */
export const gated = defineWorker(import.meta.url, {
  name: "gated",
  backoff: () => 0,
  perform: async ({ id, attempt, args: { gate, label = String(id) } }: Job<GateArgs>, { signal }) => {
    log(gate, "start", label, attempt);
    while (existsSync(gate) && !signal.aborted) await sleep(5);
    log(gate, signal.aborted ? "abort" : "stop", label, attempt);
    signal.throwIfAborted();
    return `through on attempt ${attempt}`;
  },
});

/** The same, and heeds no signal. */
export const stubborn = defineWorker(import.meta.url, {
  name: "stubborn",
  perform: ({ id, attempt, args: { gate, label = String(id) } }: Job<GateArgs>) => {
    log(gate, "start", label, attempt);
    while (existsSync(gate));
    return `through on attempt ${attempt}`;
  },
});

type GateArgs = { readonly gate: string; readonly label?: string };

function log(gate: string, word: string, label: string, attempt: number): void {
  if (existsSync(`${gate}.log`)) appendFileSync(`${gate}.log`, `${word} ${label} ${attempt}\n`);
}
