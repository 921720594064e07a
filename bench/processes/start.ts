/** How long it takes from a bare Node to a first result; told to the parent, and the end. */
const { connection } = JSON.parse(process.argv[2] ?? "{}") as { connection?: string };
const start = performance.now();
const { Baton } = await import("../../lib/index.js");
const imported = performance.now() - start;
let first = 0;
if (connection !== undefined) {
  const { Same } = await import("../workers/noop.js");
  const baton = await new Baton({ connection, queues: { bench: 1 }, threads: 1, workers: [Same] }).start();
  await baton.call(Same.new({ int: 1 }));
  first = performance.now() - start;
  process.once("disconnect", () => void baton.stop());
}
process.send?.({ value: { imported, first } });
if (connection === undefined) process.disconnect?.();
