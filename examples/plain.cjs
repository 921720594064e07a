/**
 * Plain JavaScript with require(), worker and caller in one file; Node 20.19 or later, after `npm run build`:
 *
 *   node examples/plain.cjs 30
 *
 * In a project of your own, require "pg-baton" and "pg-baton/embedded".
 */
const { pathToFileURL } = require("node:url");
const { Baton, defineWorker } = require("../dist/lib/index.js");
const { startEmbedded } = require("../dist/lib/embedded.js");

// Threads import this file too, to find the worker: it must be exported.
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

// Not in a thread.
if (require.main === module) void main();
