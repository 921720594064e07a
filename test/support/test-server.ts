/** The PostgreSQL server of one test run. */
export interface TestServer {
  readonly url: string;
  /** A description for the log: `embedded`, `container postgres:18-alpine` or `DATABASE_URL`. */
  readonly kind: string;
  /** Stops the server, unless it is that of DATABASE_URL. */
  stop(): Promise<void>;
}
