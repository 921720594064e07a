import type { IQueueBackend, withBackend } from "bullmq";
import { type Caller, drained, type Host, type JobName, PATIENCE, type Peer, type Setting } from "./peer.js";
import { until } from "./until.js";

type Classes<B extends IQueueBackend, C> = ReturnType<typeof withBackend<B, C>>;

const QUEUE = "bench";
const SANDBOX = new URL("./workers/sandbox.js", import.meta.url);
/** Awaits look finished jobs up, so some are kept; all would slow it down. */
const KEEP = { removeOnComplete: { count: 1_000 } };

/** BullMQ on either of its stores: the same calls, another connection. */
export function bullmq<B extends IQueueBackend, C>(
  classes: Classes<B, C>,
  connectionOf: (setting: Setting) => C,
  prepare: (setting: Setting) => Promise<void> = async () => {},
): Peer {
  const host = async (setting: Setting): Promise<Host> => {
    await prepare(setting);
    const { work, threads } = setting;
    const connection = connectionOf(setting);
    // https://docs.bullmq.io/guide/workers/concurrency: high for what waits, and CPU-bound work in a sandbox of threads.
    const worker =
      work === "cpu"
        ? new classes.Worker(QUEUE, SANDBOX, { connection, concurrency: threads, useWorkerThreads: true, ...KEEP })
        : new classes.Worker(QUEUE, async ({ data }) => (data as { int?: number }).int, {
            connection,
            concurrency: work === "inflight" || work === "noop" ? 100 : 1,
            ...KEEP,
          });
    worker.on("error", (error) => process.stderr.write(`bullmq: ${error.message}\n`));
    await worker.waitUntilReady();
    return { close: () => worker.close(true) };
  };

  const caller = async (setting: Setting): Promise<Caller> => {
    const connection = connectionOf(setting);
    const queue = new classes.Queue<object, number, JobName>(QUEUE, { connection });
    // One listener an await, on purpose.
    queue.setMaxListeners(0);
    const events = new classes.QueueEvents<number>(QUEUE, { connection });
    await Promise.all([queue.waitUntilReady(), events.waitUntilReady()]);
    const job = drained(setting);
    return {
      call: async (int) => {
        const added = await queue.add("same", { int });
        return added.waitUntilFinished(events, PATIENCE);
      },
      drain: async (count) => {
        await queue.addBulk(Array.from({ length: count }, () => job));
        await until(async () => {
          const { failed = 0, ...left } = await queue.getJobCounts("waiting", "active", "delayed", "failed");
          if (failed > 0) throw new Error(`${failed} jobs failed`);
          return Object.values(left).every((number) => number === 0);
        });
      },
      close: async () => {
        await Promise.all([queue.close(), events.close()]);
      },
    };
  };

  const both = async (setting: Setting): Promise<Caller> => {
    const running = await host(setting);
    const calling = await caller(setting);
    return { ...calling, close: async () => void (await Promise.all([calling.close(), running.close()])) };
  };
  return { host, caller, both };
}
