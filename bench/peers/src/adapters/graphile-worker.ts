import { randomUUID } from "node:crypto";
import { type AddJobsJobSpec, Logger, makeWorkerUtils, run, type TaskList } from "graphile-worker";
import { Announcer, Mailbox } from "../hand-made.js";
import { type Caller, drained, type Host, type Peer, type Setting } from "../../../../dist/bench/peers/peer.js";
import { threadPool } from "../threads.js";
import { Tables } from "../until.js";

/** Silent, since it logs every job, which would be measured too. */
const logger = new Logger(() => () => {});

export const peer: Peer = {
  host,
  caller: async (setting) => {
    const mailbox = new Mailbox();
    await mailbox.listen(setting.database);
    return caller(setting, mailbox);
  },
  both: async (setting) => {
    const mailbox = new Mailbox();
    const running = await host(setting, mailbox);
    const calling = await caller(setting, mailbox);
    return {
      ...calling,
      close: async () => {
        await calling.close();
        await running.close();
      },
    };
  },
};

/**
 * https://worker.graphile.org/docs/performance advises the local queue and batches for many jobs,
 * and neither for the latency of a single job.
 */
function tuning({ work, threads }: Setting): GraphileConfig.WorkerOptions {
  const batches = { completeJobBatchDelay: 0, failJobBatchDelay: 0 };
  if (work === "noop") return { concurrentJobs: 24, maxPoolSize: 25, localQueue: { size: 500 }, ...batches };
  if (work === "inflight") return { concurrentJobs: 24, maxPoolSize: 25, localQueue: { size: 100 }, ...batches };
  // Twice the threads, so that none waits for the next job.
  if (work === "cpu") return { concurrentJobs: 2 * threads, localQueue: { size: 2 * threads + 1 }, ...batches };
  return { concurrentJobs: 2 };
}

async function host(setting: Setting, mailbox?: Mailbox): Promise<Host> {
  const announcer = await Announcer.connect(setting.database, mailbox);
  const pool = setting.work === "cpu" ? threadPool(setting.threads) : undefined;
  const taskList: TaskList = {
    same: async (payload) => {
      const { ref, int } = payload as { ref: string; int: number };
      await announcer.announce(ref, int);
    },
    noop: async () => {},
    burn: async (payload) => {
      await pool?.run(payload, { name: "burn" });
    },
  };
  const preset = { worker: { connectionString: setting.database, logger, ...tuning(setting) } };
  const runner = await run({ preset, taskList, noHandleSignals: true });
  return {
    close: async () => {
      await runner.stop();
      await announcer.close();
      await pool?.destroy();
    },
  };
}

async function caller(setting: Setting, mailbox: Mailbox): Promise<Caller> {
  const utils = await makeWorkerUtils({ connectionString: setting.database, logger });
  const tables = await Tables.connect(setting.database, "exists (select from graphile_worker._private_jobs)");
  const { name, data } = drained(setting);
  const job: AddJobsJobSpec = { identifier: name, payload: data };
  return {
    call: async (int) => {
      const ref = randomUUID();
      const result = mailbox.expect(ref);
      await utils.addJob("same", { ref, int });
      return result;
    },
    drain: async (count) => {
      await utils.addJobs(Array.from({ length: count }, () => job));
      return tables.untilDone();
    },
    close: async () => {
      await tables.close();
      await utils.release();
      await mailbox.close();
    },
  };
}
