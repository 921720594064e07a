/**
 * A test of an application's jobs, on a PostgreSQL of its own.
 *
 *   node --test dist/examples/double.test.js
 */
/* oxlint-disable typescript/no-floating-promises -- node:test keeps the promises of its tests */
// #region test
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type Embedded, startEmbedded } from "../lib/embedded.js";
import { Baton, type Job } from "../lib/index.js";
import Double from "./workers/double.js";

let postgres: Embedded;
let baton: Baton;

before(async () => {
  postgres = await startEmbedded({ fsync: false });
  const options = { connection: postgres.url, queues: { default: 1 }, threads: 1, workers: [Double] };
  baton = await new Baton(options).start();
});

after(async () => {
  await baton.stop();
  await postgres.remove();
});

test("doubles a number, in a thread and through the database", async () => {
  assert.equal(await baton.call(Double.new({ int: 2 }), 20_000), 4);
});
// #endregion

// #region perform
test("doubles a number", () => {
  const job = { args: { int: 2 } } as Job<{ int: number }>;
  assert.equal(Double.perform(job, { signal: AbortSignal.timeout(1_000), threadId: 0 }), 4);
});
// #endregion
