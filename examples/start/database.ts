import pg from "pg";
import { startEmbedded } from "../../lib/embedded.js";

export interface DemoDatabase {
  readonly url: string;
  readonly prefix: string;
  readonly name: string;
  /** Leaves nothing behind. */
  remove(): Promise<void>;
}

/** The database that `DATABASE_URL` names, with a schema of the demo's own; else an embedded one. */
export async function demoDatabase(): Promise<DemoDatabase> {
  const url = process.env.DATABASE_URL;
  if (url === undefined || url === "") {
    const server = await startEmbedded();
    return { url: server.url, prefix: "baton", name: "an embedded PostgreSQL", remove: () => server.remove() };
  }
  const prefix = `baton_start_${process.pid}`;
  return { url, prefix, name: "the database of DATABASE_URL", remove: () => dropSchema(url, prefix) };
}

async function dropSchema(connectionString: string, schema: string): Promise<void> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  await client.query(`drop schema if exists "${schema}" cascade`);
  await client.end();
}
