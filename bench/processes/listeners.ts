/** Many Batons in one process that only listen, so that they load the server and little else. */
import { Baton } from "../../lib/index.js";
import { argument, serve } from "../support/serve.js";

const { connection, count } = argument() as { connection: string; count: number };
const batons: Baton[] = [];
for (let at = 0; at < count; at += 1) batons.push(await new Baton({ connection }).start());

serve({}, async () => {
  await Promise.all(batons.map((baton) => baton.stop()));
});
