import { availableParallelism } from "node:os";
import pg from "pg";
import { startEmbedded } from "../../lib/embedded.js";
import { VERSION } from "../../lib/version.js";

/** What the figures depend on. */
export interface Environment {
  readonly version: string;
  readonly node: string;
  readonly postgres: string;
  readonly fsync: string;
  readonly cores: number;
}

export interface Server {
  readonly url: string;
  readonly environment: Environment;
  stop(): Promise<void>;
}

/** The database of `DATABASE_URL`, or an embedded one that waits for the disk as any real one does. */
export async function openServer(): Promise<Server> {
  const given = process.env.DATABASE_URL;
  const embedded = given === undefined || given === "" ? await startEmbedded() : null;
  const url = embedded?.url ?? given ?? "";
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query<{ version: string; fsync: string }>(
    "select current_setting('server_version') as version, current_setting('fsync') as fsync",
  );
  await client.end();
  const { version: postgres = "?", fsync = "?" } = rows[0] ?? {};
  const environment = { version: VERSION, node: process.versions.node, postgres, fsync, cores: availableParallelism() };
  return { url, environment, stop: async () => embedded?.remove() };
}

/** Removes what a question has left in the database. */
export async function dropSchema(url: string, schema: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(`set client_min_messages = warning; drop schema if exists "${schema}" cascade`);
  await client.end();
}
