/** The other process of the floor: runs what is inserted, one job for each notification. */
import { argument, serve } from "../support/serve.js";
import { Floor } from "../support/floor.js";

const { url } = argument() as { url: string };
const [listening, working] = [await Floor.connect(url), await Floor.connect(url)];
await listening.listen("floor", () => void working.runNext());

serve({}, async () => {
  await Promise.all([listening.close(), working.close()]);
});
