import { spawnSync } from "node:child_process";
import { appendFileSync, existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { defineWorker, type Job } from "../../lib/worker.js";

/** Announces its start, then waits for its gate or the abort of its signal; see support/gate.ts. */
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

/** Like gated, but ignores its signal. */
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

/** Announces its start, then stays in native code, which cannot be killed, until its gate opens. */
export const captive = defineWorker(import.meta.url, {
  name: "captive",
  perform: ({ id, attempt, args: { gate, label = String(id) } }: Job<GateArgs>) => {
    log(gate, "start", label, attempt);
    spawnSync("sh", ["-c", 'while [ -e "$0" ]; do sleep 0.02; done', gate]);
    log(gate, "stop", label, attempt);
    return `through on attempt ${attempt}`;
  },
});

/** Announces its start, then sleeps forever. */
export const parked = defineWorker(import.meta.url, {
  name: "parked",
  perform: ({ id, attempt, args: { gate, label = String(id) } }: Job<GateArgs>) => {
    log(gate, "start", label, attempt);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  },
});
