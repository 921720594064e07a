import { defineWorker } from "../../lib/worker.js";

// Like a client that a module opens and never closes.
setInterval(() => undefined, 1_000);

/** Does nothing. Its module keeps every process alive that imports it. */
export default defineWorker(import.meta.url, { name: "restless", perform: () => undefined });
