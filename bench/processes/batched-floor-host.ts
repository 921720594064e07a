/** The host of the batched floor: a notification makes it run all jobs there are. */
import { BatchedFloor } from "../support/batched-floor.js";
import { argument, serve } from "../support/serve.js";

const { url } = argument() as { url: string };
const [listening, working] = [await BatchedFloor.connect(url), await BatchedFloor.connect(url)];
let again = false;
let running = false;

async function run(): Promise<void> {
  again = true;
  if (running) return;
  running = true;
  while (again) {
    again = false;
    await working.runAll();
  }
  running = false;
}

await listening.listen("floor", () => void run());

serve({}, async () => {
  await Promise.all([listening.close(), working.close()]);
});
