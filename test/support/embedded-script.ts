/**
 * Run by the tests of the embedded server: starts one, tells where, and is then ended by the test or ends as told.
 */
import { startEmbedded } from "../../lib/embedded.js";

const [then = "wait"] = process.argv.slice(2);
const { url, port, directory } = await startEmbedded();
process.send?.({ url, port, directory });
if (then === "wait") process.on("message", () => undefined);
else process.disconnect?.();
