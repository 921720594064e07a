import { createCipheriv } from "node:crypto";
import { MAX_RESULT_LIMIT } from "../../lib/codec/limits.js";
import { cancel, defineWorker, type Job } from "../../lib/worker.js";

/** Incompressible bytes, the same for the same seed. 10 MB take 10 ms. */
export function noise(size: number, seed = 0): Buffer {
  return createCipheriv("aes-128-ctr", Buffer.alloc(16, seed), Buffer.alloc(16)).update(Buffer.alloc(size));
}

type Sized = Job<{ size: number; seed?: number }>;

/** Returns noise, under the limit of the host. */
export const sized = defineWorker(import.meta.url, {
  name: "sized",
  perform: ({ args: { size, seed } }: Sized) => noise(size, seed),
});

/** Returns noise, under the highest limit. */
export const roomy = defineWorker(import.meta.url, {
  name: "roomy",
  resultLimit: MAX_RESULT_LIMIT,
  perform: ({ args: { size, seed } }: Sized) => noise(size, seed),
});

/** Returns noise, under a low limit. */
export const cramped = defineWorker(import.meta.url, {
  name: "cramped",
  resultLimit: 100,
  perform: ({ args: { size } }: Sized) => noise(size),
});

/** Always fails with an error that contains noise. Retried at once. */
export const bulky = defineWorker(import.meta.url, {
  name: "bulky",
  resultLimit: MAX_RESULT_LIMIT,
  backoff: () => 0,
  perform: ({ args: { size } }: Sized): never => {
    throw Object.assign(new Error("too much to say"), { code: "E_BULKY", noise: noise(size).toString("hex") });
  },
});

/** Cancels with noise as its reason. */
export const verbose = defineWorker(import.meta.url, {
  name: "verbose",
  resultLimit: MAX_RESULT_LIMIT,
  perform: ({ args: { size } }: Sized) => cancel(noise(size)),
});
