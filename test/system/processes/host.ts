/**
 * A Baton in a process of its own. Its options are the first argument, as
 * JSON. On request it inserts a job, awaits a relay, reports its status,
 * or stops. It also stops on SIGTERM. Then it must exit by itself.
 */
import { type AwaitOptions, Baton, type BatonOptions, type NewJob, type Relay } from "../../../lib/index.js";
import { WORKERS } from "../../support/workers.js";

export type Request =
  | { readonly insert: NewJob }
  | { readonly await: Relay; readonly options?: number | AwaitOptions }
  | { readonly stop: true }
  | { readonly status: true };

/** A result as JSON. */
export interface Reply {
  readonly ref: string;
  readonly ok: boolean;
  readonly value?: unknown;
  readonly error?: string;
  readonly via?: string | undefined;
}

const options = JSON.parse(process.argv[2] ?? "{}") as BatonOptions;
const baton = new Baton({ ...options, workers: WORKERS });

process.on("message", (request: Request) => {
  if ("status" in request) process.send?.({ status: baton.status() });
  else if ("insert" in request) void insert(request.insert);
  else void ("stop" in request ? stop() : answer(request));
});
process.once("SIGTERM", () => void stop());
await baton.start();
process.send?.({ started: baton.status().host });

async function insert(job: NewJob): Promise<void> {
  process.send?.({ relay: await baton.async(job) });
}

async function answer({ await: relay, options }: Extract<Request, { await: unknown }>): Promise<void> {
  const result = await baton.await(relay, options);
  const { ref } = relay;
  const reply: Reply = result.ok
    ? { ref, ok: true, value: result.value, via: result.via }
    : { ref, ok: false, error: String(result.error), via: result.via };
  process.send?.(reply);
}

async function stop(): Promise<void> {
  await baton.stop();
  process.send?.({ stopped: true });
  process.disconnect();
}
