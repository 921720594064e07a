import type { Duplex } from "node:stream";
import pg from "pg";
import { DatabaseError } from "../errors.js";
import type { Telemetry } from "../telemetry.js";
import { addressOf, type Connection } from "./address.js";
import { ServerClient } from "./client.js";
import { type CopiedRow, CopyOut } from "./copy.js";
import { type Room, readRows } from "./cursor.js";
import { READ_ONLY, sqlState } from "./failure.js";
import { checkServer, connectError } from "./preflight.js";
import { Route } from "./route.js";
import { type Limits, LIMITS } from "./settings.js";
import { Watchdog } from "./watchdog.js";

interface Pools {
  readonly statements: pg.Pool;
  /** For large parameters and rows, so that no other statement waits for them. */
  readonly bulk: pg.Pool;
}

/** A connection on loan from a pool. */
type PooledClient = pg.PoolClient & ServerClient;

/** A named statement; each connection prepares it once. */
export interface Statement {
  readonly name: string;
  readonly text: string;
}

/** Few connections are enough: each service batches, with one statement under way at a time. */
const POOL_SIZE = 4;
/** Opened on demand. */
const BULK_POOL_SIZE = 2;
/** A statement with a parameter of this many bytes or more goes to the bulk pool. */
const BULK = 262_144;
/** ms that statements under way have to end when the pools close. */
const LAST_STATEMENTS = 2_000;

/**
 * SQLSTATEs of a prepared statement that is unexpectedly missing or present. A pooler switches
 * sessions with each transaction (PgBouncer before 1.21, or with `max_prepared_statements = 0`).
 */
const UNKEPT: ReadonlySet<string> = new Set(["26000", "42P05"]);

const { INT8, JSON, JSONB } = pg.types.builtins;

/** Reads 64-bit integers as numbers (ids stay below 2^53) and JSON as text: threads parse it. */
const TYPES: pg.CustomTypesConfig = {
  getTypeParser(id, format) {
    if (id === INT8) return Number;
    if (id === JSON || id === JSONB) return (text: string) => text;
    return pg.types.getTypeParser(id, format) as (value: string) => unknown;
  },
};

/**
 * The connections to PostgreSQL: two small pools, which execute statements, and single connections
 * for callers that need one of their own. Invariants:
 *
 * - Every connection leads to a server that takes writes, as far as is known ({@link Route}). It is
 *   not reused after an error without an SQLSTATE, nor when its server shuts down or is read-only.
 * - Every session has Baton's settings and time limits, unless it is a pooler's
 *   ({@link ServerClient}).
 * - A statement on a pool ends within the server's time limit, or when no byte has moved for the
 *   watchdog's patience. Only {@link transaction} and {@link alone} have no limit.
 * - Only two things are retried: opening a connection, and a statement whose prepared form was
 *   missing. All other errors reach the caller as pg's own.
 * - The pools exist from the end of a successful {@link start} to the call of {@link stop}.
 */
export class Database {
  /** Cuts half-open connections of the pools. */
  readonly watchdog: Watchdog;
  readonly #config: pg.ClientConfig;
  readonly #telemetry: Telemetry;
  readonly #route: Route;
  /** False once a pooler has lost a prepared statement; then all statements go unprepared. */
  #prepares = true;
  #pools: Pools | undefined;
  /** Connections that {@link alone} has lent. */
  readonly #lent = new Set<ServerClient>();

  /** @param patience ms without a byte in either direction after which a statement fails. */
  constructor(connection: Connection, applicationName: string, telemetry: Telemetry, patience?: number) {
    this.#config = {
      application_name: applicationName,
      keepAlive: true,
      keepAliveInitialDelayMillis: 5_000,
      connectionTimeoutMillis: 5_000,
    };
    this.#route = new Route(addressOf(connection));
    this.#telemetry = telemetry;
    this.watchdog = new Watchdog({ patience });
  }

  /** The role that connects. */
  get user(): string {
    return this.#route.user;
  }

  /**
   * Opens the pools and checks the server. Idempotent.
   *
   * @throws {@link DatabaseError} if no server can be reached (`ERR_BATON_DATABASE_UNREACHABLE`),
   * refuses the connection (`..._REFUSED`), takes no writes (`..._READ_ONLY`), or is older than 13
   * or not UTF8 (`..._UNSUPPORTED`).
   */
  async start(): Promise<void> {
    if (this.#pools !== undefined) return;
    const pools = {
      statements: this.#openPool(POOL_SIZE, LIMITS.statements),
      bulk: this.#openPool(BULK_POOL_SIZE, LIMITS.bulk),
    };
    try {
      const client = await this.#checkOut(pools.statements);
      try {
        await checkServer(client);
      } finally {
        client.release();
      }
    } catch (error) {
      await Promise.all(Object.values(pools).map((pool) => pool.end()));
      throw error instanceof DatabaseError ? error : connectError(error, this.#route.names());
    }
    this.#pools = pools;
  }

  /** Closes all connections but those of {@link client}. Statements have 2 s to end. Idempotent. */
  async stop(): Promise<void> {
    const pools = this.#pools;
    this.#pools = undefined;
    // A start may be under way: a server that does not answer must not delay the stop.
    if (pools === undefined) return this.watchdog.cutOlder(0);
    for (const client of this.#lent) void client.close();
    const force = setTimeout(() => this.watchdog.cutOlder(0), LAST_STATEMENTS);
    await Promise.all(Object.values(pools).map((pool) => pool.end()));
    clearTimeout(force);
  }

  /**
   * Executes a statement on a pool: prepared, unless a pooler does not keep prepared statements.
   * Rejects with pg's own error.
   */
  query<Row extends object>(statement: Statement, values: unknown[]): Promise<Row[]> {
    return this.#on(values.some(isBulk) ? "bulk" : "statements", (client) =>
      this.#execute<Row>(client, statement, values),
    );
  }

  /**
   * Executes a `COPY … TO STDOUT (FORMAT binary)` on the bulk pool. Rejects with pg's own error, or
   * with what `onRow` threw.
   */
  copy(text: string, onRow: (row: CopiedRow) => void): Promise<void> {
    return this.#on("bulk", (client) => CopyOut.run(client, text, onRow));
  }

  /** Reads rows through a cursor on a pool, while there is room for them; see {@link readRows}. */
  read<Row>(text: string, values: unknown[], room: Room<Row>): Promise<Row[]> {
    return this.#on("statements", (client) => readRows(client, text, values, room));
  }

  /** Executes a transaction on a connection of its own, without time limits; see {@link alone}. */
  transaction<Result>(work: (client: pg.ClientBase) => Promise<Result>): Promise<Result> {
    return this.alone(async (client) => {
      await client.query("begin");
      const result = await work(client);
      await client.query("commit");
      return result;
    });
  }

  /** Lends a connection without time limits, for long work. {@link stop} closes it. */
  async alone<Result>(work: (client: ServerClient) => Promise<Result>): Promise<Result> {
    this.#running();
    const client = this.client();
    this.#lent.add(client);
    try {
      await client.connect();
      return await work(client);
    } finally {
      this.#lent.delete(client);
      await client.close();
    }
  }

  /** Makes a client that the caller connects and closes. It belongs to no pool. */
  client(config: pg.ClientConfig = {}, limits: Limits = LIMITS.none): ServerClient {
    return new ServerClient(this.#route, limits, this.#config, { ...config, types: TYPES });
  }

  async #on<Result>(lane: keyof Pools, work: (client: ServerClient) => Promise<Result>): Promise<Result> {
    const client = await this.#checkOut(this.#running()[lane]);
    const pending = this.watchdog.begin(client);
    let broken = false;
    try {
      return await work(client);
    } catch (error) {
      const state = sqlState(error);
      // After an error that the server raised the connection is still in order, unless the server
      // is shutting down or takes no writes.
      broken = state === null || state.startsWith("57P") || state === READ_ONLY;
      if (state === READ_ONLY) client.leave();
      throw error;
    } finally {
      this.watchdog.end(pending);
      client.release(broken);
    }
  }

  /** Borrows a connection to a server that takes writes. Tries each of the servers once. */
  async #checkOut(pool: pg.Pool): Promise<PooledClient> {
    for (let left = this.#route.length; ; ) {
      try {
        const client = (await pool.connect()) as PooledClient;
        if (!client.outdated) return client;
        client.release(true);
      } catch (error) {
        if (this.#route.refusesOptions(error)) continue;
        left -= 1;
        if (left === 0) throw error;
      }
    }
  }

  async #execute<Row extends object>(
    client: pg.ClientBase,
    { name, text }: Statement,
    values: unknown[],
  ): Promise<Row[]> {
    if (this.#prepares) {
      try {
        return (await client.query<Row>({ name, text, values })).rows;
      } catch (error) {
        // The server raises both before the statement has any effect, so it is safe to send again.
        if (!UNKEPT.has(sqlState(error) ?? "")) throw error;
        this.#prepares = false;
      }
    }
    return (await client.query<Row>({ text, values })).rows;
  }

  #openPool(max: number, limits: Limits): pg.Pool {
    const [route, config, watchdog] = [this.#route, this.#config, this.watchdog];
    class Client extends ServerClient {
      constructor() {
        const stream = (): Duplex => watchdog.adopt(route.config(limits).stream?.());
        super(route, limits, config, { stream, types: TYPES });
      }
    }
    const { connectionTimeoutMillis } = { ...this.#config, ...route.config(limits) };
    const pool = new pg.Pool({ connectionTimeoutMillis, max, idleTimeoutMillis: 30_000, Client });
    pool.on("error", (error) => this.#telemetry.emit("service:error", { service: "pool", error }));
    return pool;
  }

  #running(): Pools {
    if (this.#pools === undefined) {
      throw new DatabaseError("ERR_BATON_DATABASE_UNREACHABLE", "The connections to the database are closed");
    }
    return this.#pools;
  }
}

/** Whether a parameter is so large that its bytes determine how long the statement takes. */
function isBulk(value: unknown): boolean {
  return (typeof value === "string" || Buffer.isBuffer(value)) && value.length >= BULK;
}
