/**
 * A relay outlives its process: one host inserts a job and stops, another one awaits it.
 *
 *   node dist/examples/later.js
 */
import { Baton, type Relay } from "../lib/index.js";
import { openDatabase } from "./database.js";
import Double from "./workers/double.js";

await using database = await openDatabase();
const connection = database.url;

// #region later
const caller = await new Baton({ connection }).start();
const ticket = JSON.stringify(await caller.async(Double.new({ int: 21 }))); // committed
await caller.stop(); // or the process crashes here

await using host = await new Baton({ connection, queues: { default: 2 }, workers: [Double] }).start();
const result = await host.await(JSON.parse(ticket) as Relay<number>, 10_000);
if (result.ok) console.log(result.value); // 42
// #endregion
