import { startEmbedded } from "../lib/embedded.js"; // in your project: "pg-baton/embedded"

/** The database of an example. */
export interface ExampleDatabase extends AsyncDisposable {
  readonly url: string;
  /** Whether the example started it, and removes it when it ends. */
  readonly embedded: boolean;
}

/**
 * The server of DATABASE_URL if that is set, else an embedded one that ends with this process.
 *
 * @throws {@link DatabaseError}
 */
export async function openDatabase(): Promise<ExampleDatabase> {
  const { DATABASE_URL } = process.env;
  if (DATABASE_URL) return { url: DATABASE_URL, embedded: false, [Symbol.asyncDispose]: async () => undefined };
  const server = await startEmbedded();
  return { url: server.url, embedded: true, [Symbol.asyncDispose]: () => server.remove() };
}
