import { createCipheriv } from "node:crypto";
import { MAX_RESULT_LIMIT } from "../../lib/codec/limits.js";
import { cancel, defineWorker, type Job } from "../../lib/worker.js";

/** Bytes that cannot be compressed, always the same ones for a seed. 10 MB of them take 10 ms. */
export function noise(size: number, seed = 0): Buffer {
  return createCipheriv("aes-128-ctr", Buffer.alloc(16, seed), Buffer.alloc(16)).update(Buffer.alloc(size));
}

type Sized = Job<{ size: number; seed?: number }>;

/** Returns noise, under the host's limit. */
export const sized = defineWorker(import.meta.url, {
  name: "sized",
  perform: ({ args: { size, seed } }: Sized) => noise(size, seed),
});

/** Returns noise, as much as there can be. */
export const roomy = defineWorker(import.meta.url, {
  name: "roomy",
  resultLimit: MAX_RESULT_LIMIT,
  perform: ({ args: { size, seed } }: Sized) => noise(size, seed),
});

/** Returns noise, of which little may come back. */
export const cramped = defineWorker(import.meta.url, {
  name: "cramped",
  resultLimit: 100,
  perform: ({ args: { size } }: Sized) => noise(size),
});

/** Fails with an error that holds noise, every time. Retried at once. */
export const bulky = defineWorker(import.meta.url, {
  name: "bulky",
  resultLimit: MAX_RESULT_LIMIT,
  backoff: () => 0,
  perform: ({ args: { size } }: Sized): never => {
    throw Object.assign(new Error("too much to say"), { code: "E_BULKY", noise: noise(size).toString("hex") });
  },
});

/** Cancels for a reason that is noise. */
export const verbose = defineWorker(import.meta.url, {
  name: "verbose",
  resultLimit: MAX_RESULT_LIMIT,
  perform: ({ args: { size } }: Sized) => cancel(noise(size)),
});
