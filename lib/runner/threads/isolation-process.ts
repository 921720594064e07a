/**
 * A process that runs one job with which hosts have died.
 *
 * The job runs in a thread, so that the main loop stays free to receive the host's commands, and to
 * notice when the host is gone.
 */
import { subscribe } from "node:diagnostics_channel";
import { pack, packException } from "../../codec/codec.js";
import { MAX_RESULT_LIMIT } from "../../codec/limits.js";
import type { ClaimedJob } from "../../job/job.js";
import { Telemetry } from "../../telemetry.js";
import { Threads } from "./threads.js";

/** What the host sends: first the job, then perhaps an abort. */
export type IsolationCommand =
  | { readonly job: ClaimedJob; readonly url: string; readonly resultLimit: number }
  | { readonly abort: string };

/** A value in the codec's bytes, in base64. */
export interface Packed {
  readonly encoding: "b" | "z";
  readonly text: string;
}

/** What the process sends to the host. */
export type IsolationReport = { readonly begun: true } | { readonly stray: Packed } | { readonly run: Packed };

let threads: Threads | undefined;
let jobId = 0;

// A terminal's Ctrl-C reaches the whole process group. The host decides when this process ends.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => {});
process.on("disconnect", () => process.exit(1));
process.on("message", (command: IsolationCommand) => {
  if ("abort" in command) threads?.abort(jobId, command.abort);
  else void execute(command);
});
subscribe("pg-baton:job:stray", (event) => {
  void send({ stray: packed(packException((event as { error: unknown }).error)) });
});

async function execute({ job, url, resultLimit }: Extract<IsolationCommand, { job: unknown }>): Promise<void> {
  jobId = job.id;
  threads = new Threads({ size: 1, resultLimit, telemetry: new Telemetry("isolated") });
  await threads.start();
  await send({ begun: true });
  // The host has the job: it is not sent back.
  const { outcome, duration, threadId } = await threads.run(job, url);
  const run = pack({ outcome, duration, threadId }, { resultLimit: 2 * MAX_RESULT_LIMIT });
  if (!run.tooLarge) await send({ run: packed(run) });
  process.exit(0);
}

function packed({ encoding, bytes }: { readonly encoding: "b" | "z"; readonly bytes: Uint8Array }): Packed {
  return { encoding, text: Buffer.from(bytes).toString("base64") };
}

function send(report: IsolationReport): Promise<void> {
  return new Promise((resolve) => process.send?.(report, () => resolve()));
}
