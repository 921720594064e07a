import { startEmbedded } from "../lib/embedded.js"; // yours: "pg-baton/embedded"

/** The database that an example runs on. */
export interface ExampleDatabase extends AsyncDisposable {
  readonly url: string;
  /** Whether it was started for this run, and goes with it. */
  readonly embedded: boolean;
}

/** The server of DATABASE_URL if that is set, else an embedded one that ends with this process. Throws `DatabaseError`. */
export async function openDatabase(): Promise<ExampleDatabase> {
  const { DATABASE_URL } = process.env;
  if (DATABASE_URL) return { url: DATABASE_URL, embedded: false, [Symbol.asyncDispose]: async () => undefined };
  const server = await startEmbedded();
  return { url: server.url, embedded: true, [Symbol.asyncDispose]: () => server.remove() };
}
