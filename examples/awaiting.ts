/**
 * Every way to insert and to await.
 *
 *   node dist/examples/awaiting.js
 */
import { AwaitTimeoutError, Baton } from "../lib/index.js";
import { openDatabase } from "./database.js";
import Burn from "./workers/burn.js";
import Double from "./workers/double.js";
import Echo from "./workers/echo.js";

await using database = await openDatabase();
const options = { connection: database.url, queues: { default: 4 }, workers: [Burn, Double, Echo] };
await using baton = await new Baton(options).start();

// #region insert
const relay = await baton.async(Double.new({ int: 2 }, { priority: 1, scheduleIn: 50, tags: ["report"] }));
const relays = await baton.asyncMany([Double.new({ int: 1 }), Echo.new({ value: "x" })]); // all or none
await baton.insert(Double.new({ int: 3 })); // no relay: its result is not awaited
// #endregion

// #region await
const result = await baton.await(relay); // the first outcome, within 5 s
const results = await baton.awaitMany(relays, 2_000); // in order, under one deadline
const eight = await baton.call(Double.new({ int: 4 })); // async + await: 8, or the job's error is thrown
// #endregion
console.log(
  result.ok && result.value,
  results.map((each) => each.ok && each.value),
  eight,
);

// #region timeout
const slow = await baton.async(Burn.new({ ms: 600 }));
const early = await baton.await(slow, 100);
if (!early.ok) console.log(early.error, early.job.state); // timeout executing
const late = await baton.await(slow); // the job went on: the same relay answers later
if (late.ok) console.log(late.job.state); // completed
// #endregion

// #region signal
const leaving = AbortSignal.timeout(100);
try {
  await baton.call(Burn.new({ ms: 600 }), { timeout: Infinity, signal: leaving });
} catch (error) {
  console.log(error === leaving.reason); // true: the await ended, the job goes on
}
// #endregion

// #region call
try {
  await baton.call(Burn.new({ ms: 1_000 }), 100);
} catch (error) {
  if (!(error instanceof AwaitTimeoutError)) throw error;
  console.log(error.code); // ERR_BATON_AWAIT_TIMEOUT
}
// #endregion
