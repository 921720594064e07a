/**
 * Logs what Baton reports about faults, and the host's status.
 *
 *   node dist/examples/monitoring.js
 */
import { subscribe } from "node:diagnostics_channel";
import { Baton, type TelemetryEvent } from "../lib/index.js";
import { openDatabase } from "./database.js";
import Double from "./workers/double.js";

await using database = await openDatabase();
const connection = database.url;

// #region monitoring
const faults: TelemetryEvent[] = [
  "rescue",
  "host:lost",
  "quarantine",
  "queue:unserved",
  "notifier:mode",
  "service:error",
];
for (const event of faults) subscribe(`pg-baton:${event}`, (payload) => console.warn(event, payload));

await using baton = await new Baton({ connection, queues: { default: 2 }, workers: [Double] }).start();
const { notifier, threads, unserved, unwritten } = baton.status();
console.log(notifier, threads.busy, unserved, unwritten); // notify 0 [] 0
// #endregion
