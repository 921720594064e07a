/**
 * The other host: a process of its own that shares nothing with its parent but the database. The channel to the parent
 * serves to say that it is up, and to notice when the parent has ended, however that was.
 */
import { Baton } from "../../lib/index.js"; // yours: "pg-baton"
import Burn from "../workers/burn.js";
import Compress from "../workers/compress.js";
import Double from "../workers/double.js";
import type { HostReport, HostSettings } from "./neighbour.js";
import { dropSchema } from "./schema.js";
import { Blob, Patient, Picky, Spender } from "./situations.js";

const { connection, prefix, threads, drop } = JSON.parse(process.argv[2] ?? "") as HostSettings;
/** ms that it takes at most to end in good order. */
const LAST_WORDS = 3_000;

// Ctrl-C in a terminal reaches this process too; its parent says when to end.
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
  // Without its parent, the embedded server has gone as well.
  if (!process.connected && !drop) process.exit(0);
  setTimeout(() => process.exit(1), LAST_WORDS).unref();
  await baton.stop();
  // Nobody else is left to do it.
  if (!process.connected) await dropSchema(connection, prefix);
  process.exit(0);
}

function report(message: HostReport): void {
  if (process.connected) process.send?.(message);
}
