import { defineWorker } from "../../lib/worker.js";
import { giveSign } from "../support/sign.js";

// A module whose import never ends. Imported as `endless.js?sign=<name>`, it gives that sign.
const sign = new URL(import.meta.url).searchParams.get("sign");
if (sign !== null) {
  giveSign(sign);
  for (;;);
}

/** Is never reached. */
export const endless = defineWorker(import.meta.url, { name: "endless", perform: () => {} });
