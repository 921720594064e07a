/**
 * The control values of a worker: it discards the job of a missing file, cancels that of an empty
 * one, and snoozes for one that is still being written.
 *
 *   node dist/examples/controls.js
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Baton } from "../lib/index.js";
import { openDatabase } from "./database.js";
import Digest from "./workers/digest.js";

const folder = await mkdtemp(join(tmpdir(), "pg-baton-controls-"));
const [missing, empty, fresh] = ["missing", "empty", "fresh"].map((name) => join(folder, name)) as [
  string,
  string,
  string,
];
await writeFile(empty, "");

await using database = await openDatabase();
await using baton = await new Baton({ connection: database.url, queues: { files: 2 }, workers: [Digest] }).start();

for (const path of [missing, empty]) {
  const result = await baton.await(await baton.async(Digest.new({ path })));
  if (!result.ok) console.log(result.error, result.reason);
}

await writeFile(fresh, "written just now");
// #region retries
const relay = await baton.async(Digest.new({ path: fresh }));
const first = await baton.await(relay);
if (!first.ok) console.log(first.error, first.seconds); // snoozed 1

const final = await baton.await(relay, { timeout: 20_000, withRetries: true });
if (final.ok) console.log(final.job.state, final.job.attempt); // completed 1: a snooze uses up no attempt
// #endregion

await rm(folder, { recursive: true });
