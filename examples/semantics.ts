/**
 * Some of the rules of docs/semantics.md.
 *
 *   node dist/examples/semantics.js
 */
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Baton, type Job } from "../lib/index.js";
import { openDatabase } from "./database.js";
import Double from "./workers/double.js";
import Receipt from "./workers/receipt.js";

await using database = await openDatabase();
const options = { connection: database.url, queues: { default: 2 }, workers: [Double, Receipt] };
await using baton = await new Baton(options).start();

// #region rules
const relay = await baton.async(Double.new({ int: 2 })); // 1: committed
const during = await baton.await(relay); // 2: the same value before, during and after completion
const twice = await baton.awaitMany([relay, relay]); // 7: order and duplicates
console.log([during, ...twice].map((result) => result.ok && result.value)); // [ 4, 4, 4 ]
// #endregion

const folder = await mkdtemp(join(tmpdir(), "pg-baton-semantics-"));
const receipt = await baton.async(Receipt.new({ folder, amount: 5 }));
await baton.await(receipt);
// As if its host had died before it wrote the outcome: the job runs again.
const again = { id: receipt.job.id, args: { folder, amount: 5 } } as Job<{ folder: string; amount: number }>;
await Receipt.perform(again, { signal: AbortSignal.timeout(5_000), threadId: 0 });
console.log((await readdir(folder)).length); // 1
await rm(folder, { recursive: true });
