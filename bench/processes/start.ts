/** Sends the parent the ms of the import, of the start to a first result, and of both. */
const { connection } = JSON.parse(process.argv[2] ?? "{}") as { connection?: string };
const start = performance.now();
const { Baton } = await import("../../lib/index.js");
const imported = performance.now() - start;
let first = 0;
let all = 0;
if (connection !== undefined) {
  const { Same } = await import("../workers/noop.js");
  const started = performance.now();
  const baton = await new Baton({ connection, queues: { bench: 1 }, threads: 1, workers: [Same] }).start();
  await baton.call(Same.new({ int: 1 }));
  first = performance.now() - started;
  all = performance.now() - start;
  process.once("disconnect", () => void baton.stop());
}
process.send?.({ value: { imported, first, all } });
if (connection === undefined) process.disconnect?.();
