import { Baton } from "../lib/index.js";
import double from "../workers/double.js";
import { startChild } from "./support/child.js";
import { createFloor, dropFloor, startFloorCaller } from "./support/floor.js";
import type { Question, Setting } from "./support/question.js";
import type { Row } from "./support/report.js";
import { median, percentile, spread } from "./support/stats.js";

const WARM_UP = 200;
const CALLS = 400;

/** How long from async to the value in hand, one call at a time, each beside the floor: a call of one, a call of the other. */
export const latency: Question = {
  scope: "latency",
  async ask(setting) {
    await createFloor(setting.url);
    try {
      return [...(await twoProcesses(setting)), ...(await oneProcess(setting))];
    } finally {
      await dropFloor(setting.url);
    }
  },
};

async function twoProcesses({ url, prefix, rounds }: Setting): Promise<Row[]> {
  const host = await startChild("host.js", [url, prefix]);
  const floor = await startFloorCaller(url);
  const baton = await new Baton({ connection: url, prefix }).start();
  const measured = await inTurn(
    rounds,
    () => baton.call(double.new({ int: 42 })),
    () => floor.callRemote(),
  );
  await Promise.all([baton.stop(), floor.stop()]);
  await host.stop();
  return rows("two processes, one await at a time", "three statements and NOTIFY by hand", measured, 2);
}

async function oneProcess({ url, prefix, rounds }: Setting): Promise<Row[]> {
  const floor = await startFloorCaller(url);
  const baton = await new Baton({ connection: url, prefix, queues: { default: 10 }, workers: [double] }).start();
  const measured = await inTurn(
    rounds,
    () => baton.call(double.new({ int: 42 })),
    () => floor.callLocal(),
  );
  await Promise.all([baton.stop(), floor.stop()]);
  return rows("one process, one await at a time", "two statements by hand, no thread", measured, 1.5);
}

interface Measured {
  readonly baton: number[];
  readonly floor: number[];
}

/** One round is a list of times for each side. The sides take turns within a round, so that both meet the same machine. */
async function inTurn(
  rounds: number,
  call: () => Promise<unknown>,
  floorCall: () => Promise<unknown>,
): Promise<Measured[]> {
  for (let at = 0; at < WARM_UP; at += 1) {
    await call();
    await floorCall();
  }
  const measured: Measured[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const times: Measured = { baton: [], floor: [] };
    for (let at = 0; at < CALLS; at += 1) {
      times.baton.push(await timed(call));
      times.floor.push(await timed(floorCall));
    }
    measured.push(times);
  }
  return measured;
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

function rows(work: string, floorName: string, measured: readonly Measured[], most: number): Row[] {
  const ratio = spread(measured.map(({ baton, floor }) => median(baton) / median(floor)));
  const p99 = spread(measured.map(({ baton }) => percentile(baton, 0.99)));
  const row = { scope: "latency", work, unit: "ms" };
  return [
    {
      ...row,
      figure: "p50",
      baton: spread(measured.map(({ baton }) => median(baton))),
      beside: { name: floorName, spread: spread(measured.map(({ floor }) => median(floor))) },
      ratio,
      target: { text: `ratio <= ${most}`, met: ratio.median <= most },
    },
    {
      ...row,
      figure: "p99",
      baton: p99,
      beside: { name: floorName, spread: spread(measured.map(({ floor }) => percentile(floor, 0.99))) },
      target: { text: "< 10 ms", met: p99.median < 10 },
    },
  ];
}
