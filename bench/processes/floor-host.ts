/** The host of the floor: each notification makes it run one job. */
import { argument, serve } from "../support/serve.js";
import { Floor } from "../support/floor.js";

const { url } = argument() as { url: string };
const [listening, working] = [await Floor.connect(url), await Floor.connect(url)];
await listening.listen("floor", () => void working.runNext());

serve({}, async () => {
  await Promise.all([listening.close(), working.close()]);
});
