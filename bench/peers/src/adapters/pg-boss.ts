import { randomUUID } from "node:crypto";
import { PgBoss, type Job, type WorkOptions } from "pg-boss";
import { Announcer, Mailbox } from "../hand-made.js";
import { type Caller, drained, type Host, type Peer, type Setting } from "../../../../dist/bench/peers/peer.js";
import { threadPool } from "../threads.js";
import { Tables } from "../until.js";

type Same = { ref: string; int: number };

export const peer: Peer = {
  host,
  caller: async (setting) => {
    const mailbox = new Mailbox();
    await mailbox.listen(setting.database);
    return caller(setting, mailbox, await start(setting));
  },
  both: async (setting) => {
    const mailbox = new Mailbox();
    const running = await host(setting, mailbox);
    const calling = await caller(setting, mailbox, await start(setting));
    return {
      ...calling,
      close: async () => {
        await calling.close();
        await running.close();
      },
    };
  },
};

async function start({ database }: Setting): Promise<PgBoss> {
  const boss = new PgBoss({ connectionString: database, useListenNotify: true, max: 20 });
  boss.on("error", (error) => process.stderr.write(`pg-boss: ${error.message}\n`));
  await boss.start();
  for (const queue of ["same", "noop", "burn"]) await boss.createQueue(queue, { notify: true });
  return boss;
}

/** https://pgboss.io/api/workers: batches without a pause while more jobs wait. */
function tuning({ work, threads }: Setting): WorkOptions {
  if (work === "noop") return { localConcurrency: 2, batchSize: 1_000, burstWhenBatchFull: true };
  if (work === "inflight") return { localConcurrency: 2, batchSize: 100, burstWhenBatchFull: true };
  if (work === "cpu") return { localConcurrency: 2, batchSize: 4 * threads, burstWhenBatchFull: true };
  return { localConcurrency: 1, batchSize: 1 };
}

async function host(setting: Setting, mailbox?: Mailbox): Promise<Host> {
  const announcer = await Announcer.connect(setting.database, mailbox);
  const pool = setting.work === "cpu" ? threadPool(setting.threads) : undefined;
  const boss = await start(setting);
  const options = tuning(setting);
  const runEach = async <Data extends object>(jobs: Job<Data>[], perform: (data: Data) => unknown): Promise<void> => {
    await Promise.all(jobs.map(({ data }) => perform(data)));
  };
  await boss.work<Same>("same", options, (jobs) => runEach(jobs, ({ ref, int }) => announcer.announce(ref, int)));
  await boss.work("noop", options, async () => {});
  await boss.work<object>("burn", options, (jobs) => runEach(jobs, (data) => pool?.run(data, { name: "burn" })));
  return {
    close: async () => {
      await boss.stop({ graceful: false });
      await announcer.close();
      await pool?.destroy();
    },
  };
}

async function caller(setting: Setting, mailbox: Mailbox, boss: PgBoss): Promise<Caller> {
  const { name, data } = drained(setting);
  // The first condition uses an index; the second finds running and failed jobs.
  const left = `exists (select from pgboss.job where name = '${name}' and state < 'active' and not blocked)
    or exists (select from pgboss.job where name = '${name}' and state <> 'completed')`;
  const tables = await Tables.connect(setting.database, left);
  return {
    call: async (int) => {
      const ref = randomUUID();
      const result = mailbox.expect(ref);
      await boss.send("same", { ref, int } satisfies Same);
      return result;
    },
    drain: async (count) => {
      await boss.insert(
        name,
        Array.from({ length: count }, () => ({ data })),
      );
      return tables.untilDone();
    },
    close: async () => {
      await tables.close();
      await boss.stop({ graceful: false });
      await mailbox.close();
    },
  };
}
