/**
 * Tells errors apart by class and code.
 *
 *   node dist/examples/errors.js
 */
import { Baton, BatonError, InvalidJobError } from "../lib/index.js";
import { openDatabase } from "./database.js";
import Double from "./workers/double.js";

await using database = await openDatabase();
await using baton = await new Baton({ connection: database.url }).start();

// #region codes
try {
  await baton.call(Double.new({ int: Number.NaN }, { priority: -1 }));
} catch (error) {
  if (error instanceof BatonError) console.log(error.code); // ERR_BATON_INVALID_JOB
  if (error instanceof InvalidJobError) console.log(error.problems);
  // [ { field: 'args.int', problem: … }, { field: 'priority', problem: … } ]
}
// #endregion

// #region unserved
const result = await baton.await(await baton.async(Double.new({ int: 1 })), 100);
if (!result.ok) console.log(result.error, result.reason); // timeout no host serves this queue
// #endregion
