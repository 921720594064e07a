import { randomBytes } from "node:crypto";
import { defineWorker, type Job } from "../../lib/worker.js";

const made = new Map<number, Buffer>();

/** Returns bytes that do not compress. They are made once, so that making them is not measured. */
export const Bytes = defineWorker(import.meta.url, {
  name: "bytes",
  queue: "bench",
  perform: ({ args: { size } }: Job<{ size: number }>) => {
    const bytes = made.get(size) ?? randomBytes(size);
    made.set(size, bytes);
    return bytes;
  },
});
