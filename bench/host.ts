/** The other process of a question: a host, and the floor's host beside it. */
import { Baton } from "../lib/index.js";
import double from "../workers/double.js";
import { serveAsChild } from "./support/child.js";
import { startFloorHost } from "./support/floor.js";

const [connection = "", prefix = ""] = process.argv.slice(2);
const baton = await new Baton({ connection, prefix, queues: { default: 100 }, workers: [double] }).start();
const stopFloor = await startFloorHost(connection);
serveAsChild(async () => {
  await Promise.all([baton.stop(), stopFloor()]);
});
