import { existsSync } from "node:fs";
import { defineWorker } from "../../lib/worker.js";

// Imported as `sometimes.js?file=<path>`, it does not import before that file is there.
const file = new URL(import.meta.url).searchParams.get("file");
if (file !== null && !existsSync(file)) throw new Error("the file is not there yet");

/** Says that it could be imported. */
export const sometimes = defineWorker(import.meta.url, { name: "sometimes", perform: () => "imported" });
