import type { ServerClient } from "./client.js";
import type { Statement } from "./database.js";
import { sqlState } from "./failure.js";
import type { TimedQuery } from "./internals.js";

/** ms that the server has to answer a question about another session. */
const QUESTION_TIMEOUT = 1_000;

/**
 * Lets the server end the session of a vanished machine, and with it the lock, within about four
 * seconds. Refusals do not matter: PostgreSQL 13 and some systems lack some of these settings.
 */
const SETTINGS = [
  "synchronous_commit = off",
  "tcp_keepalives_idle = 2",
  "tcp_keepalives_interval = 1",
  "tcp_keepalives_count = 3",
  "tcp_user_timeout = 4000",
  "client_connection_check_interval = 2000",
];

const LOCK = "select pg_catalog.pg_advisory_lock($1::bigint)";
const EXECUTING = "select from pg_catalog.pg_stat_get_activity(null) where pid = $1 and state = 'active'";

/** The statement of a heartbeat. */
export interface Heartbeat extends Statement {
  /** Its parameters, from the host's id and the key of the lock that the session holds. */
  readonly values: (host: string, lockKey: string | null) => unknown[];
}

/** One connection that carries a host's heartbeats, and the advisory lock of its session. */
export class PulseSession {
  readonly client: ServerClient;
  /** The key of the advisory lock; null behind a pooler, whose sessions serve other clients too. */
  readonly lockKey: string | null;
  readonly upSince = performance.now();

  private constructor(client: ServerClient, lockKey: string | null) {
    this.client = client;
    this.lockKey = lockKey;
  }

  /**
   * Connects a client and takes the lock.
   *
   * @param nextKey returns a new key. Called once the connection is up, so that a later session has
   * a greater key.
   */
  static async open(client: ServerClient, nextKey: () => string): Promise<PulseSession> {
    await client.connect();
    if (!client.own) return new PulseSession(client, null);
    for (const setting of SETTINGS) await client.query(`set ${setting}`).catch(ignoreRefusal);
    const lockKey = nextKey();
    await client.query(LOCK, [lockKey]);
    return new PulseSession(client, lockKey);
  }

  /** Whether a pooler stands between this process and the server. */
  get pooled(): boolean {
    return !this.client.own;
  }

  /** Sends a heartbeat. Returns the host's new beat, or undefined if the host is not registered. */
  async beat({ text, values }: Heartbeat, host: string): Promise<number | undefined> {
    const { rows } = await this.client.query<{ beat: number }>(text, values(host, this.lockKey));
    return rows[0]?.beat;
  }

  /** Asks the server what another session is doing. A pooler's session counts as idle. */
  async activityOf({ client: { pid } }: PulseSession): Promise<"executing" | "idle" | "unknown"> {
    if (pid === null) return "idle";
    const question: TimedQuery = { text: EXECUTING, values: [pid], query_timeout: QUESTION_TIMEOUT };
    return this.client.query(question).then(
      ({ rowCount }) => (rowCount === 1 ? "executing" : "idle"),
      () => "unknown",
    );
  }

  /** Calls the handler when the connection is lost; it may be called several times. */
  onLost(handler: () => void): void {
    this.client.on("error", handler);
    this.client.on("end", handler);
  }

  close(): Promise<void> {
    return this.client.close();
  }
}

/** Ignores that the server refuses a setting. The loss of the connection still rejects. */
function ignoreRefusal(error: unknown): void {
  if (sqlState(error) === null) throw error;
}
