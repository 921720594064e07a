/**
 * Starts an embedded server for a test, and sends its address. Then it
 * waits to be ended, or disconnects.
 */
import { startEmbedded } from "../../lib/embedded.js";

const [then = "wait"] = process.argv.slice(2);
const { url, port, directory } = await startEmbedded();
process.send?.({ url, port, directory });
if (then === "wait") process.on("message", () => undefined);
else process.disconnect?.();
