import { createRedisBackend, withBackend } from "bullmq";
import { bullmq } from "../bullmq.js";

/** BullMQ on Redis. */
export const peer = bullmq(withBackend(createRedisBackend), 100, ({ redis }) => ({
  host: "127.0.0.1",
  port: redis,
  maxRetriesPerRequest: null,
}));
