import type { IQueueBackend, withBackend } from "bullmq";
import {
  type Caller,
  drained,
  type Host,
  type JobName,
  PATIENCE,
  type Peer,
  type Setting,
} from "../../../dist/bench/peers/peer.js";
import { until } from "./until.js";

/** Of a backend with connections of type `C`. */
type Classes<C> = ReturnType<typeof withBackend<IQueueBackend, C>>;

const QUEUE = "bench";
const SANDBOX = new URL("./workers/sandbox.js", import.meta.url);

/** BullMQ on either of its stores, which differ in the connection only. */
export function bullmq<C>(
  classes: Classes<C>,
  concurrency: number,
  connectionOf: (setting: Setting) => C,
  prepare: (setting: Setting) => Promise<void> = async () => {},
): Peer {
  const host = async (setting: Setting): Promise<Host> => {
    await prepare(setting);
    const { work, threads } = setting;
    const connection = connectionOf(setting);
    // https://docs.bullmq.io/guide/workers/concurrency advises a high concurrency for jobs that
    // wait, and a sandbox of threads for CPU-bound jobs.
    const worker =
      work === "cpu"
        ? new classes.Worker(QUEUE, SANDBOX, { connection, concurrency: threads, useWorkerThreads: true })
        : new classes.Worker(QUEUE, async ({ data }) => (data as { int?: number }).int, {
            connection,
            concurrency: work === "inflight" || work === "noop" ? concurrency : 1,
          });
    worker.on("error", (error) => process.stderr.write(`bullmq: ${error.message}\n`));
    await worker.waitUntilReady();
    return { close: () => worker.close(true) };
  };

  const caller = async (setting: Setting): Promise<Caller> => {
    const connection = connectionOf(setting);
    // Awaits look up finished jobs, so these are kept.
    const defaultJobOptions = { removeOnComplete: setting.work === "noop" || setting.work === "cpu" };
    const queue = new classes.Queue<object, number, JobName>(QUEUE, { connection, defaultJobOptions });
    // Each await adds a listener.
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
          const left = await queue.getJobCounts("waiting", "active", "delayed");
          return Object.values(left).every((number) => number === 0);
        });
        return queue.getFailedCount();
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
