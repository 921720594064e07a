/**
 * Options of a host, and the error for an invalid one. Connects to nothing.
 *
 *   node dist/examples/options.js
 */
import { Baton, InvalidOptionError } from "../lib/index.js";
import { TextTooLongError } from "./text-too-long-error.js";
import Double from "./workers/double.js";

// #region host
export const host = new Baton({
  connection: "postgres://app@a.example,b.example/db?target_session_attrs=read-write",
  name: "images-1",
  queues: { default: 4, images: { limit: 2, paused: false } },
  workers: [Double],
  threads: 4,
  maxJobsPerThread: 10_000,
  resultLimit: 1_000_000,
  retention: 7 * 86_400_000, // a week
  shutdownGracePeriod: 25_000, // less than Kubernetes' terminationGracePeriodSeconds
  errors: [TextTooLongError],
});
// #endregion

// #region caller
export const caller = new Baton({ connection: "postgres://app@a.example,b.example/db" });
// #endregion

// #region invalid
try {
  await new Baton({ connection: "postgres://app@a.example/db", queues: { default: 0 } }).start();
} catch (error) {
  if (!(error instanceof InvalidOptionError)) throw error;
  console.log(error.code, error.option); // ERR_BATON_INVALID_OPTION queues.default
}
// #endregion
