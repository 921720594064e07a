/**
 * A Baton in a process of its own, with the options given as JSON in the first argument. Awaits relays that it is sent,
 * stops when told to or on SIGTERM, and then has to end by itself.
 */
import { Baton, type BatonOptions, type Relay } from "../../../lib/index.js";
import { WORKERS } from "../../support/workers.js";
import { gated } from "../../workers/gated.js";

export type Request =
  | { readonly await: Relay; readonly options?: number }
  | { readonly insert: { readonly gate: string } }
  | { readonly stop: true }
  | { readonly status: true };

/** A result as JSON carries it. */
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

async function answer({ await: relay, options }: Extract<Request, { await: unknown }>): Promise<void> {
  const result = await baton.await(relay, options);
  const { ref } = relay;
  const reply: Reply = result.ok
    ? { ref, ok: true, value: result.value, via: result.via }
    : { ref, ok: false, error: String(result.error), via: result.via };
  process.send?.(reply);
}

/** Inserts a gated job, awaits it, and tells its relay. */
async function insert(args: { readonly gate: string }): Promise<void> {
  const relay = await baton.async(gated.new(args));
  void baton.await(relay, Number.POSITIVE_INFINITY);
  process.send?.({ relay });
}

async function stop(): Promise<void> {
  await baton.stop();
  process.send?.({ stopped: true });
  process.disconnect();
}
