import { createPostgresBackend, runMigrations, withBackend } from "bullmq";
import pg from "pg";
import { bullmq } from "../bullmq.js";

/** The guide asks for a pool with "enough connections for its concurrency", and shows 8 to 32. */
const CONCURRENCY = 20;

/** BullMQ on PostgreSQL, which it supports since version 6. */
export const peer = bullmq(
  withBackend(createPostgresBackend),
  CONCURRENCY,
  ({ database }) => ({ connectionString: database, max: CONCURRENCY }),
  async ({ database }) => {
    const client = new pg.Client(database);
    await client.connect();
    await runMigrations(client);
    await client.end();
  },
);
