import { createPostgresBackend, runMigrations, withBackend } from "bullmq";
import pg from "pg";
import { bullmq } from "../bullmq.js";

/** Each backend its pool, with "enough connections for its concurrency"; more than this is slower on few cores. */
const POOL = 20;

/** BullMQ on PostgreSQL, since its version 6. */
export const peer = bullmq(
  withBackend(createPostgresBackend),
  ({ database }) => ({ connectionString: database, max: POOL }),
  async ({ database }) => {
    const client = new pg.Client(database);
    await client.connect();
    await runMigrations(client);
    await client.end();
  },
);
