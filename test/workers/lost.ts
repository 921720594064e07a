import { defineWorker } from "../../lib/worker.js";

/** Its module fails to import in a thread. */
export const broken = defineWorker(new URL("./broken.js", import.meta.url).href, {
  name: "broken",
  perform: () => {},
});

/** Its module imports, but exports no worker of that name. */
export const misplaced = defineWorker(new URL("./flaky.js", import.meta.url).href, {
  name: "misplaced",
  perform: () => {},
});
