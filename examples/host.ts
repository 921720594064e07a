/**
 * A host in code, for what the command line does not do: here it logs the outcome of each job.
 *
 *   node dist/examples/host.js
 *
 * Then, with the DATABASE_URL that it prints, run `node dist/examples/caller.js 1 2 3`. In a
 * project of your own, import from "pg-baton".
 */
import { subscribe } from "node:diagnostics_channel";
import { Baton, type TelemetryEvents } from "../lib/index.js";
import Compress from "./workers/compress.js";
import Double from "./workers/double.js";
import { openDatabase } from "./database.js";

const database = await openDatabase();
const connection = database.url;
// #region host
const baton = new Baton({
  connection,
  name: "example",
  queues: { default: 4 },
  workers: [Compress, Double],
  shutdownGracePeriod: 10_000,
});

subscribe("pg-baton:job:stop", (event) => {
  const { worker, id, outcome, duration, threadId } = event as TelemetryEvents["job:stop"];
  console.log(`${worker} ${id} ${outcome} after ${duration.toFixed(1)} ms in thread ${threadId}`);
});
// #endregion

// Claims no more jobs, lets running ones end and gives back the rest. Then the process ends.
const stop = () => void baton.stop().then(() => database[Symbol.asyncDispose]());
process.once("SIGINT", stop);
process.once("SIGTERM", stop);
// If caller.js started this process, it stops when caller.js has ended.
process.once("disconnect", stop);
process.channel?.unref();

await baton.start();
console.log(`up: DATABASE_URL=${database.url}`);
