import pg from "pg";

/** Drops a schema and everything in it. */
export async function dropSchema(connection: string, schema: string): Promise<void> {
  const client = new pg.Client({ connectionString: connection, connectionTimeoutMillis: 5_000 });
  await client.connect();
  try {
    await client.query(`drop schema if exists "${schema}" cascade`);
  } finally {
    await client.end();
  }
}
