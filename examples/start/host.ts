/** The separate host: a process of its own that shares nothing with the caller but the database. */
import { Baton } from "../../lib/index.js";
import compress from "../../workers/compress.js";
import { declined, large, later, pointless, slow } from "./workers.js";

const { DEMO_URL: connection = "", DEMO_PREFIX: prefix = "", DEMO_THREADS: threads = "1" } = process.env;

const baton = new Baton({
  connection,
  prefix,
  name: "demo host",
  threads: Number(threads),
  queues: { default: Number(threads), asides: Number(threads) },
  workers: [compress, slow, large, later, pointless, declined],
});

// Ctrl-C reaches the whole group; the caller decides. When it is gone, however it went, this goes too.
process.on("SIGINT", () => {});
process.once("disconnect", () => {
  void baton.stop().finally(() => process.exit());
});

await baton.start();
process.send?.("up");
