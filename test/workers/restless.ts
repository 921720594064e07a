import { defineWorker } from "../../lib/worker.js";

// Such as a client that its module opens and never closes.
setInterval(() => undefined, 1_000);

/** Does nothing. Its module keeps any process alive that imports it. */
export default defineWorker(import.meta.url, { name: "restless", perform: () => undefined });
