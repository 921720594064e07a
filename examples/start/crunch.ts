import type { Baton } from "../../lib/index.js"; // in your project: "pg-baton"
import Compress from "../workers/compress.js";
import { Ending } from "./ending.js";
import type { SourceFile } from "./files.js";
import { Tally } from "./tally.js";

/** A file and the result of its job. */
export interface Crunched {
  readonly file: SourceFile;
  readonly result: { readonly bytes: number; readonly compressed: number; readonly digest: string };
}

export interface CrunchOptions {
  readonly baton: Baton;
  readonly files: readonly SourceFile[];
  /** Jobs in flight at a time. More than there are threads, so that no thread waits for a job. */
  readonly inFlight: number;
  /** ms after which no further file starts. */
  readonly budget: number;
  readonly signal: AbortSignal;
  readonly onResult: (done: number, tally: Tally) => void;
}

export interface CrunchReport {
  readonly done: readonly Crunched[];
  readonly tally: Tally;
  readonly ms: number;
}

/**
 * Compresses each file in a job of its own, on whichever host claims it.
 *
 * @throws {@link Ending}
 */
export async function crunch({
  baton,
  files,
  inFlight,
  budget,
  signal,
  onResult,
}: CrunchOptions): Promise<CrunchReport> {
  const start = performance.now();
  const left = files.values();
  const done: Crunched[] = [];
  const tally = new Tally();

  // The lanes share one iterator: each takes the next file when its last one is done.
  async function lane(): Promise<void> {
    for (const file of left) {
      const asked = performance.now();
      const relay = await baton.async(Compress.new({ path: file.path }, { queue: "files" }));
      const result = await baton.await(relay, { timeout: Infinity, signal });
      if (!result.ok) throw new Ending(`${file.path} was not done: ${String(result.error)}`);
      done.push({ file, result: result.value });
      tally.add(result.via, performance.now() - asked);
      onResult(done.length, tally);
      if (performance.now() - start > budget) return;
    }
  }

  await Promise.all(Array.from({ length: inFlight }, lane));
  return { done, tally, ms: performance.now() - start };
}
