import { scryptSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { brotliCompressSync, constants } from "node:zlib";
import { defineWorker, type Job } from "../../lib/worker.js";

/**
 * Real CPU-bound work on a file: compresses it with brotli at its highest quality, and derives a
 * digest from the compressed bytes with scrypt.
 */
export default defineWorker(import.meta.url, {
  name: "compress",
  perform: ({ args: { path } }: Job<{ path: string }>) => {
    const content = readFileSync(path);
    const compressed = brotliCompressSync(content, {
      params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: content.length },
    });
    const digest = scryptSync(compressed, "pg-baton", 32).toString("hex");
    return { path, bytes: content.length, compressed: compressed.length, digest };
  },
});
