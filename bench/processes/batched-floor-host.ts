/** The host of the batched floor: a notification makes it run all jobs there are. */
import { batchedFloorHost } from "../support/batched-floor.js";
import { argument, serve } from "../support/serve.js";

const { url } = argument() as { url: string };
serve({}, await batchedFloorHost(url));
