/**
 * A host by code, where the command line is not enough: for example to tell a monitoring system what its jobs come to.
 *
 *   node dist/examples/host.js
 *
 * then, with the DATABASE_URL that it prints, `node dist/examples/caller.js 1 2 3`. In a project of your own, import from "pg-baton".
 */
import { subscribe } from "node:diagnostics_channel";
import { Baton, type TelemetryEvents } from "../lib/index.js";
import Compress from "./workers/compress.js";
import Double from "./workers/double.js";
import { openDatabase } from "./database.js";

const database = await openDatabase();
const baton = new Baton({
  connection: database.url,
  name: "example",
  queues: { default: 4 },
  workers: [Compress, Double],
  shutdownGracePeriod: 10_000,
});

subscribe("pg-baton:job:stop", (event) => {
  const { worker, id, outcome, duration, threadId } = event as TelemetryEvents["job:stop"];
  console.log(`${worker} ${id} ${outcome} after ${duration.toFixed(1)} ms in thread ${threadId}`);
});

// Claims no more, lets running jobs end, gives back the rest; then nothing keeps this process alive.
const stop = () => void baton.stop().then(() => database[Symbol.asyncDispose]());
process.once("SIGINT", stop);
process.once("SIGTERM", stop);
// Where caller.js started it, it goes when that one has gone.
process.once("disconnect", stop);
process.channel?.unref();

await baton.start();
console.log(`up: DATABASE_URL=${database.url}`);
