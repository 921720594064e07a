/**
 * Lists jobs with their errors, and counts them.
 *
 *   node dist/examples/listing.js
 */
import { Baton } from "../lib/index.js";
import { openDatabase } from "./database.js";
import Digest from "./workers/digest.js";

await using database = await openDatabase();
const options = { connection: database.url, queues: { files: 2 }, workers: [Digest] };
await using baton = await new Baton(options).start();
await baton.awaitMany(await baton.asyncMany([Digest.new({ path: "/nowhere" }), Digest.new({ path: "/no/where" })]));
await baton.insert(Digest.new({ path: "/later" }, { scheduleIn: 3_600_000 }));

// #region listing
for await (const job of baton.jobs({ state: "discarded", queue: "files" })) {
  console.log(job.worker, job.attempt, job.errors.at(-1)?.error); // digest 1 Discarded: no such file
}

for (const { queue, state, jobs } of await baton.counts()) console.log(queue, state, jobs); // files scheduled 1
// #endregion
