import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type pg from "pg";
import { PendingStatement } from "./pending.js";

export interface WatchdogOptions {
  /**
   * ms without a byte in either direction after which a statement fails. The server gives up
   * earlier (`settings.ts`). @default 15_000
   */
  readonly patience?: number | undefined;
  /** Bytes a ms that even the slowest line carries. @default 500 */
  readonly slowest?: number;
}

const PATIENCE = 15_000;
/** ms between two checks for statements out of patience. */
const CHECK = 1_000;
/** ms without a byte after which the server is asked about a statement. */
const SILENCE = 1_000;

/** Selects the given server processes that wait for a statement although one was sent. */
const UNHEARD =
  "select pid from pg_catalog.pg_stat_get_activity(null) where pid = any($1::int[]) and state <> 'active'";

/**
 * Cuts half-open connections of the pools. When the other end is gone, or never received the
 * statement, the socket shows no error for minutes; once it is cut, the statement fails at once and
 * the next one connects anew. A connection is cut
 *
 * - when no byte has moved for a statement for {@link WatchdogOptions.patience},
 * - when the server says that it is not executing the statement ({@link audit}),
 * - when an outage ends, if it was made before then ({@link cutOlder}).
 */
export class Watchdog {
  readonly #patience: number;
  readonly #slowest: number | undefined;
  /** The sockets of the pools that are not closed, each with the time it was made. */
  readonly #sockets = new Map<Duplex, number>();
  readonly #pending = new Set<PendingStatement>();
  /** Runs for as long as statements are pending. */
  #timer: NodeJS.Timeout | undefined;
  #checkedAt = 0;

  constructor({ patience = PATIENCE, slowest }: WatchdogOptions = {}) {
    this.#patience = patience;
    this.#slowest = slowest;
  }

  /** Makes a socket for a connection of a pool, or takes the one that the user's `stream` made. */
  adopt(socket: Duplex = new Socket()): Duplex {
    this.#sockets.set(socket, performance.now());
    socket.once("close", () => this.#sockets.delete(socket));
    return socket;
  }

  /** Watches the statement that is about to be sent on a connection, until {@link end}. */
  begin(client: pg.ClientBase): PendingStatement {
    const statement = new PendingStatement(client, this.#slowest);
    this.#pending.add(statement);
    this.#start();
    return statement;
  }

  /** Called when a statement is answered or has failed. */
  end(statement: PendingStatement): void {
    this.#pending.delete(statement);
  }

  /** The statements for which no byte has moved for `ms`. */
  stalled(ms = SILENCE): PendingStatement[] {
    const now = performance.now();
    return [...this.#pending].filter((statement) => statement.isStalled(ms, now));
  }

  /**
   * Asks the server, over a connection outside the pools, whether it is executing these statements.
   * Cuts the connections of those it never received. Rejects with pg's own error.
   */
  async audit(client: pg.ClientBase, statements: readonly PendingStatement[]): Promise<void> {
    const { rows } = await client.query<{ pid: number }>(UNHEARD, [statements.map(({ pid }) => pid)]);
    const unheard = new Set<number | null>(rows.map(({ pid }) => pid));
    // Statements that were answered meanwhile have returned their connection.
    for (const statement of statements) if (unheard.has(statement.pid) && this.#pending.has(statement)) statement.cut();
  }

  /** Cuts all connections that were made, or begun to be made, at least `ms` ago. */
  cutOlder(ms: number): void {
    const before = performance.now() - ms;
    for (const [socket, madeAt] of this.#sockets) if (madeAt <= before) socket.destroy();
  }

  #start(): void {
    if (this.#timer !== undefined) return;
    this.#checkedAt = performance.now();
    this.#timer = setInterval(() => this.#check(), CHECK).unref();
  }

  #check(): void {
    if (this.#pending.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
      return;
    }
    const now = performance.now();
    // A process that was busy or stopped could not read the answers that have arrived.
    const missed = now - this.#checkedAt - CHECK;
    if (missed > CHECK) for (const statement of this.#pending) statement.excuse(missed);
    this.#checkedAt = now;
    for (const statement of this.stalled(this.#patience)) {
      statement.cut(new Error(`The database has not answered a statement for ${this.#patience} ms`));
    }
  }
}
