import { existsSync } from "node:fs";
import { defineWorker } from "../../lib/worker.js";

// Imported as `sometimes.js?file=<path>`, the import fails until that file exists.
const file = new URL(import.meta.url).searchParams.get("file");
if (file !== null && !existsSync(file)) throw new Error("the file is not there yet");

/** Confirms the import. */
export const sometimes = defineWorker(import.meta.url, { name: "sometimes", perform: () => "imported" });
