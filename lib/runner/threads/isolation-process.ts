/** A process for one job with which hosts have died. Its main loop stays free, so that it hears its host, and that it is gone. */
import { subscribe } from "node:diagnostics_channel";
import { pack, packException } from "../../codec/codec.js";
import { MAX_RESULT_LIMIT } from "../../codec/limits.js";
import type { ClaimedJob } from "../../job/job.js";
import { Telemetry } from "../../telemetry.js";
import { Threads } from "./threads.js";

/** What the host says: first the job, then perhaps that it should end. */
type Order =
  | { readonly job: ClaimedJob; readonly url: string; readonly resultLimit: number }
  | { readonly abort: string };

/** A value in the codec's bytes, in base64. */
export interface Packed {
  readonly encoding: "b" | "z";
  readonly text: string;
}

/** What it says to the host. */
export type Report = { readonly begun: true } | { readonly stray: Packed } | { readonly run: Packed };

let threads: Threads | undefined;
let jobId = 0;

// A terminal's Ctrl-C reaches the whole group. It is for the host to say when this ends.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => {});
process.on("disconnect", () => process.exit(1));
process.on("message", (order: Order) => {
  if ("abort" in order) threads?.abort(jobId, order.abort);
  else void run(order);
});
subscribe("pg-baton:job:stray", (event) => {
  void tell({ stray: packed(packException((event as { error: unknown }).error)) });
});

async function run({ job, url, resultLimit }: Extract<Order, { job: unknown }>): Promise<void> {
  jobId = job.id;
  threads = new Threads({ size: 1, resultLimit, telemetry: new Telemetry("isolated") });
  await threads.start();
  await tell({ begun: true });
  // The host has the job: it is not sent back.
  const { outcome, duration, threadId } = await threads.run(job, url);
  const run = pack({ outcome, duration, threadId }, { resultLimit: 2 * MAX_RESULT_LIMIT });
  if (!run.tooLarge) await tell({ run: packed(run) });
  process.exit(0);
}

function packed({ encoding, bytes }: { readonly encoding: "b" | "z"; readonly bytes: Uint8Array }): Packed {
  return { encoding, text: Buffer.from(bytes).toString("base64") };
}

function tell(report: Report): Promise<void> {
  return new Promise((resolve) => process.send?.(report, () => resolve()));
}
