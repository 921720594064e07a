import { setImmediate as breathe } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import type { Job } from "../../lib/index.js"; // in your project: "pg-baton"
import Compress from "../workers/compress.js";
import type { Crunched } from "./crunch.js";
import { Ending } from "./ending.js";

const SAMPLE = 12;

export interface SerialReport {
  readonly checked: number;
  /** ms that all files would take one after the other, estimated from the sample. */
  readonly estimate: number;
}

/**
 * Compresses a sample of the files again, without Baton and one after the other in this thread. The
 * sample has small files and large ones.
 *
 * @throws {@link Ending} if a result differs.
 */
export async function checkSerially(done: readonly Crunched[], signal: AbortSignal): Promise<SerialReport> {
  const bySize = done.toSorted((a, b) => a.file.bytes - b.file.bytes);
  const checked = Math.min(SAMPLE, bySize.length);
  let spent = 0;
  for (let part = 0; part < checked; part += 1) {
    // The files are sorted by size: the middle one of each twelfth.
    const { file, result } = bySize[Math.floor(((part + 0.5) * bySize.length) / checked)] as Crunched;
    const start = performance.now();
    const serial = Compress.perform({ args: { path: file.path } } as Job<{ path: string }>, {
      signal,
      threadId: 0,
    });
    spent += performance.now() - start;
    if (!isDeepStrictEqual(serial, result)) throw new Ending(`${file.path} came out differently when done serially`);
    await breathe();
    signal.throwIfAborted();
  }
  return { checked, estimate: (spent / checked) * bySize.length };
}
