import { Baton } from "../lib/index.js";
import double from "../workers/double.js";
import { startChild } from "./support/child.js";
import { createFloor, dropFloor } from "./support/floor.js";
import type { Question, Setting } from "./support/question.js";
import type { Row } from "./support/report.js";
import { spread } from "./support/stats.js";

const IN_FLIGHT = 100;
const AWAITS = 5_000;
const JOBS = 20_000;

/** How many results a second with many awaits open, and how many jobs a second one host gets done. */
export const throughput: Question = {
  scope: "throughput",
  async ask(setting) {
    return [...(await inFlight(setting)), ...(await backlog(setting))];
  },
};

async function inFlight({ url, prefix, rounds }: Setting): Promise<Row[]> {
  await createFloor(url);
  const host = await startChild("host.js", [url, prefix]);
  const baton = await new Baton({ connection: url, prefix }).start();
  await awaitAll(baton, 1_000);
  const rates: number[] = [];
  let lost = 0;
  for (let round = 0; round < rounds; round += 1) {
    const start = performance.now();
    lost += AWAITS - (await awaitAll(baton, AWAITS));
    rates.push(AWAITS / ((performance.now() - start) / 1_000));
  }
  await baton.stop();
  await host.stop();
  await dropFloor(url);
  const rate = spread(rates);
  const work = `two processes, ${IN_FLIGHT} awaits in flight`;
  return [
    {
      scope: "throughput",
      work,
      figure: "results",
      unit: "a second",
      baton: rate,
      target: { text: "> 1,500", met: rate.median > 1_500 },
    },
    {
      scope: "throughput",
      work,
      figure: "results",
      unit: "lost or wrong",
      baton: spread([lost]),
      target: { text: "0", met: lost === 0 },
    },
  ];
}

/** Says how many of the results were right. */
async function awaitAll(baton: Baton, count: number): Promise<number> {
  let next = 0;
  let right = 0;
  async function lane(): Promise<void> {
    while (next < count) {
      const int = next;
      next += 1;
      const result = await baton.await(await baton.async(double.new({ int })), 30_000);
      if (result.ok && result.value === int * 2) right += 1;
    }
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, lane));
  return right;
}

async function backlog({ url, prefix, rounds }: Setting): Promise<Row[]> {
  const rates: number[] = [];
  const caller = await new Baton({ connection: url, prefix }).start();
  for (let round = 0; round <= rounds; round += 1) {
    await caller.insertMany(Array.from({ length: JOBS }, (_, int) => double.new({ int })));
    const host = await new Baton({ connection: url, prefix, queues: { default: 100 }, workers: [double] }).start();
    const start = performance.now();
    await finished(host, JOBS);
    // The first round warms up.
    if (round > 0) rates.push(JOBS / ((performance.now() - start) / 1_000));
    await host.stop();
  }
  await caller.stop();
  const rate = spread(rates);
  const work = `one host, ${JOBS.toLocaleString("en")} no-op jobs, nobody awaits`;
  return [
    {
      scope: "throughput",
      work,
      figure: "jobs",
      unit: "a second",
      baton: rate,
      target: { text: "> 5,000", met: rate.median > 5_000 },
    },
  ];
}

/** Resolves when that many jobs are completed in the table, not only done. */
async function finished(host: Baton, jobs: number): Promise<void> {
  while ((host.status().events["job:stop"] ?? 0) < jobs) await new Promise((resolve) => setTimeout(resolve, 5));
  while ((await host.counts()).length > 0) await new Promise((resolve) => setTimeout(resolve, 2));
}
