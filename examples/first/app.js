import { Baton } from "pg-baton";
import Double from "./workers/double.js";

const baton = await new Baton({
  connection: process.env.DATABASE_URL,
  queues: { default: 4 }, // leave out queues and workers in a process that only inserts and awaits
  workers: [Double],
}).start();

// Committed: the job will run, even if this process dies. The relay is the handle of its result.
const relay = await baton.async(Double.new({ int: 2 }));
const result = await baton.await(relay, 5_000);

console.log(result); // { ok: true, value: 4, job: { id: 1, state: 'completed', … }, via: 'local' }
await baton.stop();
