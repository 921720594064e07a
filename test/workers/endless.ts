import { defineWorker } from "../../lib/worker.js";
import { giveSign } from "../support/sign.js";

// A module that never ends importing; imported as `endless.js?sign=<name>` it gives that sign.
const sign = new URL(import.meta.url).searchParams.get("sign");
if (sign !== null) {
  giveSign(sign);
  for (;;);
}

/** Never gets that far. */
export const endless = defineWorker(import.meta.url, { name: "endless", perform: () => {} });
