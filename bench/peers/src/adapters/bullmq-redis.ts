import { createRedisBackend, withBackend } from "bullmq";
import { bullmq } from "../bullmq.js";

/** BullMQ where it is at home. */
export const peer = bullmq(withBackend(createRedisBackend), 100, ({ redis }) => ({
  host: "127.0.0.1",
  port: redis,
  maxRetriesPerRequest: null,
}));
