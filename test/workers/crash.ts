import { pbkdf2Sync } from "node:crypto";
import { defineWorker, type Job } from "../../lib/worker.js";
import { giveSign } from "../support/sign.js";

/** Ends its thread. */
export const exit = defineWorker(import.meta.url, { name: "exit", perform: () => process.exit(3) });

/** Completes, then ends its thread before the next job can begin. */
export const exitLater = defineWorker(import.meta.url, {
  name: "exit-later",
  perform: () => {
    // Ticks come when the promises are through that hand over the outcome.
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

/** Loops for ever, once it has given a sign. */
export const hang = defineWorker(import.meta.url, {
  name: "hang",
  perform: ({ args }: Job<{ sign: string }>) => {
    giveSign(args.sign);
    for (;;);
  },
});

/** Native code that no terminate() interrupts, for about so many rounds; gives a sign just before. */
export const native = defineWorker(import.meta.url, {
  name: "native",
  perform: ({ args }: Job<{ sign: string; rounds: number }>) => {
    giveSign(args.sign);
    pbkdf2Sync("a", "b", args.rounds, 64, "sha512");
  },
});
