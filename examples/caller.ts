/**
 * An application that only inserts and awaits: it ships none of the workers' code, and starts no threads. Run a host beside it:
 *
 *   DATABASE_URL=postgres://… npx pg-baton host --workers dist/workers/double.js --queue default:4
 *   DATABASE_URL=postgres://… node dist/examples/caller.js 1 2 3
 *
 * In a project of your own, import from "pg-baton".
 */
import { Baton, workerRef } from "../lib/index.js";
// The type alone: gone once this is compiled.
import type Double from "../workers/double.js";

const double = workerRef<typeof Double>("double");
const numbers = process.argv.slice(2).map(Number);

await using baton = await new Baton({ connection: process.env.DATABASE_URL ?? "" }).start();
const relays = await baton.asyncMany(numbers.map((int) => double.new({ int })));
const results = await baton.awaitMany(relays, 10_000);
for (const [index, result] of results.entries()) {
  console.log(`${numbers[index]} doubled is ${result.ok ? result.value : String(result.error)}`);
}
