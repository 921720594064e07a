import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { Piscina } from "piscina";
import { Baton } from "../lib/index.js";
import { work } from "./workers/work.js";
import type { Question, Setting } from "./support/question.js";
import type { Row } from "./support/report.js";
import { percentile, spread } from "./support/stats.js";

const JOBS = 300;
const THREADS = availableParallelism();

/**
 * CPU-bound jobs of about 10 ms, the same function in Baton and in bare Piscina, which keeps nothing, on the same number of
 * threads: how much of the cores is left for the work, and how late the host's own event loop gets.
 */
export const cpu: Question = {
  scope: "cpu",
  async ask({ url, prefix, rounds }: Setting): Promise<Row[]> {
    const pool = new Piscina({
      filename: fileURLToPath(new URL("./workers/piscina.js", import.meta.url)),
      minThreads: THREADS,
      maxThreads: THREADS,
    });
    const baton = await new Baton({
      connection: url,
      prefix,
      queues: { default: THREADS },
      threads: THREADS,
      workers: [work],
    }).start();
    const own: number[] = [];
    const bare: number[] = [];
    const delays: number[] = [];
    for (let round = 0; round <= rounds; round += 1) {
      const bareRate = await rate(() => Promise.all(Array.from({ length: JOBS }, () => pool.run(null))));
      const loop = watchLoop();
      const ownRate = await rate(() => all(baton));
      const delay = loop.stop();
      // The first round warms up.
      if (round === 0) continue;
      bare.push(bareRate);
      own.push(ownRate);
      delays.push(delay);
    }
    await baton.stop();
    await pool.destroy();
    const ratio = spread(own.map((figure, round) => figure / (bare[round] ?? Number.NaN)));
    const delay = spread(delays);
    const row = { scope: "cpu", work: `CPU-bound jobs of about 10 ms, ${THREADS} threads` };
    return [
      {
        ...row,
        figure: "jobs",
        unit: "a second",
        baton: spread(own),
        beside: { name: "bare Piscina", spread: spread(bare) },
        ratio,
        target: { text: "ratio >= 0.95", met: ratio.median >= 0.95 },
      },
      {
        ...row,
        figure: "event-loop delay p99",
        unit: "ms",
        baton: delay,
        target: { text: "< 5 ms", met: delay.median < 5 },
      },
    ];
  },
};

async function all(baton: Baton): Promise<void> {
  const relays = await baton.asyncMany(Array.from({ length: JOBS }, () => work.new()));
  const results = await baton.awaitMany(relays, 120_000);
  const wrong = results.filter(({ ok }) => !ok).length;
  if (wrong > 0) throw new Error(`${wrong} of ${JOBS} jobs did not come to a value`);
}

async function rate(run: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await run();
  return JOBS / ((performance.now() - start) / 1_000);
}

/** How late a timer of 1 ms comes, beyond its time: what a request to this process would wait. */
function watchLoop(): { stop(): number } {
  const late: number[] = [];
  let due = performance.now() + 1;
  const timer = setInterval(() => {
    const now = performance.now();
    // Timers have a resolution of 1 ms: that much is not the loop's doing.
    late.push(Math.max(0, now - due - 1));
    due = now + 1;
  }, 1);
  return {
    stop() {
      clearInterval(timer);
      return percentile(late, 0.99);
    },
  };
}
