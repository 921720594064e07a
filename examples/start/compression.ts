import { isDeepStrictEqual } from "node:util";
import type { Baton, Via } from "../../lib/index.js";
import type { Job } from "../../lib/worker.js";
import compress from "../../workers/compress.js";
import type { FileToDo } from "./files.js";
import { kilobytes, line, milliseconds, progress, table } from "./screen.js";

interface Done {
  readonly file: FileToDo;
  readonly value: { readonly bytes: number; readonly compressed: number };
  readonly latency: number;
  readonly via: Via;
}

/** How many files are checked against doing the same here, without Baton. */
const SAMPLE = 5;

/** Has every file compressed, at most `window` at a time, and shows how it went. */
export async function compressAll(baton: Baton, files: readonly FileToDo[], window: number): Promise<void> {
  const done: Done[] = [];
  const show = progress(files.length);
  const queue = files.values();
  const start = performance.now();
  async function lane(): Promise<void> {
    for (const file of queue) {
      const began = performance.now();
      const relay = await baton.async(compress.new({ path: file.path }));
      const result = await baton.await(relay, { timeout: 60_000, withRetries: true });
      if (!result.ok) throw new Error(`${file.label}: ${String(result.error)}`);
      done.push({ file, value: result.value, latency: performance.now() - began, via: result.via });
      show(done.length, file.label);
    }
  }
  await Promise.all(Array.from({ length: window }, lane));
  summarize(done, performance.now() - start);
}

function summarize(done: readonly Done[], elapsed: number): void {
  const latencies = done.map(({ latency }) => latency).toSorted((a, b) => a - b);
  const at = (part: number): string => milliseconds(latencies[Math.floor((latencies.length - 1) * part)] ?? 0);
  const sum = (of: (one: Done) => number): number => done.reduce((total, one) => total + of(one), 0);
  const serial = checkSample(done);
  table([
    ["files", `${done.length}, none lost`],
    [
      "bytes",
      `${kilobytes(sum(({ value }) => value.bytes))} in, ${kilobytes(sum(({ value }) => value.compressed))} out`,
    ],
    ["time", `${milliseconds(elapsed)}, ${(done.length / (elapsed / 1_000)).toFixed(1)} files a second`],
    ["latency", `p50 ${at(0.5)}, p99 ${at(0.99)}, from async to result in hand`],
    [
      "results",
      `${sum(({ via }) => Number(via === "local"))} local, ${sum(({ via }) => Number(via === "notify"))} by notify, ${sum(({ via }) => Number(via === "reconcile"))} looked up`,
    ],
    ["checked", `${serial.files} of them done again here, one after the other: the same results`],
  ]);
}

/** Does some of the same work without Baton. Throws where the results differ. */
function checkSample(done: readonly Done[]): { files: number } {
  const step = Math.max(1, Math.floor(done.length / SAMPLE));
  const sample = done.filter((_, index) => index % step === 0).slice(0, SAMPLE);
  for (const { file, value } of sample) {
    const expected = compress.perform({ args: { path: file.path } } as Job<{ path: string }>, CONTEXT);
    if (!isDeepStrictEqual(value, expected))
      throw new Error(`${file.label}: Baton's result differs from doing it here.`);
  }
  line("");
  return { files: sample.length };
}

const CONTEXT = { signal: new AbortController().signal, threadId: 0 };
