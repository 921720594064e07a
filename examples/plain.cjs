/**
 * Plain JavaScript with require(), worker, host and caller in one file:
 *
 *   npm run build && node examples/plain.cjs 30
 */
// #region worker
const { pathToFileURL } = require("node:url");
const { Baton, defineWorker } = require("pg-baton");
const { startEmbedded } = require("pg-baton/embedded");

// Threads import this file too, to find the worker: export it.
const Fibonacci = defineWorker(pathToFileURL(__filename).href, {
  name: "fibonacci",
  perform: ({ args }) => fibonacci(args.n),
});
exports.Fibonacci = Fibonacci;

function fibonacci(n) {
  return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

async function main() {
  const n = Number(process.argv[2] ?? 30);
  const server = process.env.DATABASE_URL ? undefined : await startEmbedded();
  const connection = process.env.DATABASE_URL || server.url;
  const baton = await new Baton({ connection, queues: { default: 2 }, workers: [Fibonacci] }).start();
  try {
    console.log(`fibonacci(${n}) is ${await baton.call(Fibonacci.new({ n }))}`);
  } finally {
    await baton.stop();
    await server?.remove();
  }
}

// Only where this file is the program, and not in a thread.
if (require.main === module) void main();
// #endregion
