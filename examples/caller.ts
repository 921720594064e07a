/**
 * An application that only inserts and awaits: it ships none of the workers' code and starts no
 * thread. Another process is the host. With DATABASE_URL, you start that host, on any machine:
 *
 *   DATABASE_URL=postgres://… npx pg-baton host --workers dist/workers/double.js --queue default:4
 *   DATABASE_URL=postgres://… node dist/examples/caller.js 1 2 3
 *
 * Without it, the program starts examples/host.js on an embedded database. In a project of your
 * own, import from "pg-baton".
 */
import { borrowHost } from "./borrowed-host.js";
// #region ref
import { Baton, workerRef } from "../lib/index.js";
import type Double from "./workers/double.js"; // only the type: compiled code does not import it

const double = workerRef<typeof Double>("double");
// #endregion
const numbers = (process.argv.length > 2 ? process.argv.slice(2) : ["1", "2", "3"]).map(Number);

await using host = await borrowHost();
const connection = host.url;
// #region caller
await using baton = await new Baton({ connection }).start();
const relays = await baton.asyncMany(numbers.map((int) => double.new({ int })));
const results = await baton.awaitMany(relays, 10_000);
for (const [index, result] of results.entries()) {
  console.log(`${numbers[index]} doubled is ${result.ok ? result.value : String(result.error)}`);
}
// #endregion
