import { pbkdf2Sync } from "node:crypto";
import { defineWorker, type Job } from "../../lib/worker.js";
import { giveSign } from "../support/sign.js";

/** Ends its thread. */
export const exit = defineWorker(import.meta.url, { name: "exit", perform: () => process.exit(3) });

/** Completes, then ends its thread before the next job can begin. */
export const exitLater = defineWorker(import.meta.url, {
  name: "exit-later",
  perform: () => {
    // Ticks run after the promises that send the outcome.
    process.nextTick(() => process.exit(4));
    return "done";
  },
});

/** Fills its memory. */
export const fill = defineWorker(import.meta.url, {
  name: "fill",
  perform: () => {
    const held: number[][] = [];
    for (;;) held.push(Array.from({ length: 1_000 }, (_, index) => index));
  },
});

/** Gives a sign, then loops forever. */
export const hang = defineWorker(import.meta.url, {
  name: "hang",
  perform: ({ args }: Job<{ sign: string }>) => {
    giveSign(args.sign);
    for (;;);
  },
});

/** Announces itself, then runs native code that terminate() cannot interrupt, so many rounds. */
export const native = defineWorker(import.meta.url, {
  name: "native",
  perform: ({ args }: Job<{ sign: string; rounds: number }>) => {
    giveSign(args.sign);
    pbkdf2Sync("a", "b", args.rounds, 64, "sha512");
  },
});
