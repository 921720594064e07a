import { writeFileSync } from "node:fs";
import { defineWorker } from "../../lib/worker.js";

// A module that never ends importing; imported as `endless.js?sign=<path>` it says so in that file.
const sign = new URL(import.meta.url).searchParams.get("sign");
if (sign !== null) {
  writeFileSync(sign, "importing");
  for (;;);
}

/** Never gets that far. */
export const endless = defineWorker(import.meta.url, { name: "endless", perform: () => {} });
