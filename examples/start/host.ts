/**
 * The other host: a process that shares only the database with its parent. Over the channel to its
 * parent it reports that it is up, and notices that the parent has ended, for any reason.
 */
import { Baton } from "../../lib/index.js"; // in your project: "pg-baton"
import Burn from "../workers/burn.js";
import Compress from "../workers/compress.js";
import Double from "../workers/double.js";
import type { HostReport, HostSettings } from "./neighbour.js";
import { dropSchema } from "./schema.js";
import { Blob, Patient, Picky, Spender } from "./situations.js";

const { connection, prefix, threads, drop } = JSON.parse(process.argv[2] ?? "") as HostSettings;
/** Most ms of an orderly exit. */
const LAST_WORDS = 3_000;

// Ctrl-C in a terminal reaches this process too, but the parent decides when it ends.
process.on("SIGINT", () => undefined);
process.on("SIGTERM", () => undefined);
process.once("disconnect", () => void leave());

const baton = new Baton({
  connection,
  prefix,
  name: "demo-there",
  threads,
  queues: { files: threads, there: threads + 1 },
  workers: [Compress, Double, Burn, Blob, Patient, Picky, Spender],
  shutdownGracePeriod: 0,
});

try {
  await baton.start();
  report({ up: true });
} catch (error) {
  report({ up: false, message: (error as Error).message });
}
process.once("message", () => void leave());

async function leave(): Promise<void> {
  // An embedded server has ended with the parent.
  if (!process.connected && !drop) process.exit(0);
  setTimeout(() => process.exit(1), LAST_WORDS).unref();
  await baton.stop();
  // The parent, which would drop the schema, is gone.
  if (!process.connected) await dropSchema(connection, prefix);
  process.exit(0);
}

function report(message: HostReport): void {
  if (process.connected) process.send?.(message);
}
