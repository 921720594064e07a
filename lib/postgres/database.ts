import type { Socket } from "node:net";
import pg from "pg";
import { DatabaseError } from "../errors.js";
import type { Telemetry } from "../telemetry.js";
import { sqlState } from "./failure.js";

/** A statement with its name: prepared once for each connection. */
export interface Statement {
  readonly name: string;
  readonly text: string;
}

/** Where the database is: a URL, or what pg's `Client` takes. */
export type Connection = string | pg.ClientConfig;

/** Statements run on few connections: each service has one in flight at a time, batched. */
const POOL_SIZE = 4;
/** ms until a statement without an answer counts as lost, and its connection as dead. */
const STATEMENT_TIMEOUT = 30_000;
/** ms that statements under way get when the connections close. */
const LAST_STATEMENTS = 2_000;

/**
 * Planner settings for our connections only. A batch statement that is first planned on an empty table would keep its
 * sequential scan, or a join that reads all of the table, when that has grown to millions of rows; without the choice it takes
 * the index for each row from the start. And one plan for all calls: by itself PostgreSQL plans the batches anew each time,
 * which takes as long as running them.
 */
const SESSION_OPTIONS = [
  "-c enable_seqscan=off",
  "-c enable_hashjoin=off",
  "-c enable_mergejoin=off",
  "-c plan_cache_mode=force_generic_plan",
  "-c jit=off",
].join(" ");

const OLDEST_VERSION = 130_000;
const { INT8, JSON, JSONB } = pg.types.builtins;

/** Reads 64-bit integers as numbers (ids stay far below 2^53) and leaves JSON as text: only the thread parses args. */
const TYPES: pg.CustomTypesConfig = {
  getTypeParser(id, format) {
    if (id === INT8) return Number;
    if (id === JSON || id === JSONB) return (text: string) => text;
    return pg.types.getTypeParser(id, format) as (value: string) => unknown;
  },
};

/** The connections to PostgreSQL: a small pool for statements, and clients of their own for those who need to hold one. */
export class Database {
  readonly #config: pg.ClientConfig;
  readonly #telemetry: Telemetry;
  #sessionOptions: string | undefined = SESSION_OPTIONS;
  readonly #sockets = new Set<Socket>();
  #pool: pg.Pool | undefined;

  constructor(connection: Connection, applicationName: string, telemetry: Telemetry) {
    const given = typeof connection === "string" ? { connectionString: connection } : connection;
    this.#config = {
      application_name: applicationName,
      keepAlive: true,
      keepAliveInitialDelayMillis: 5_000,
      connectionTimeoutMillis: 5_000,
      ...given,
      types: TYPES,
    };
    this.#telemetry = telemetry;
  }

  /**
   * Opens the pool and looks at the server. Idempotent. Throws {@link DatabaseError} where it cannot be reached
   * (`ERR_BATON_DATABASE_UNREACHABLE`), refuses us (`..._REFUSED`), or is older than 13 or not UTF8 (`..._UNSUPPORTED`).
   */
  async start(): Promise<void> {
    if (this.#pool !== undefined) return;
    let pool = this.#openPool();
    try {
      try {
        await inspect(pool);
      } catch (error) {
        // PgBouncer refuses startup options that it was not told to ignore; do without them.
        if (!/startup parameter/i.test((error as Error).message)) throw error;
        this.#sessionOptions = undefined;
        await pool.end();
        pool = this.#openPool();
        await inspect(pool);
      }
    } catch (error) {
      await pool.end();
      throw error instanceof DatabaseError ? error : connectError(error, this.#address());
    }
    this.#pool = pool;
  }

  /** Closes every connection of the pool, those that still have a statement under way after a moment by force. Idempotent. */
  async stop(): Promise<void> {
    const pool = this.#pool;
    this.#pool = undefined;
    if (pool === undefined) return;
    const force = setTimeout(() => this.reset(), LAST_STATEMENTS);
    await pool.end();
    clearTimeout(force);
  }

  /** Cuts the pool's connections, because they are known to be dead though no error has shown it. Statements fail, new ones connect anew. */
  reset(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Runs a prepared statement on any free connection. Rejects with pg's own error. */
  async query<Row extends object>(statement: Statement, values: unknown[]): Promise<Row[]> {
    const { rows } = await this.#running().query<Row>({ ...statement, values });
    return rows;
  }

  /** Runs several statements on one connection within one transaction. */
  async transaction<Result>(work: (client: pg.ClientBase) => Promise<Result>): Promise<Result> {
    const client = await this.#running().connect();
    // A connection lost fails the statement under way or the next; unheard, its error would end the process as well.
    const unheard = (): void => {};
    client.on("error", unheard);
    let failure: unknown;
    try {
      await client.query("begin");
      const result = await work(client);
      await client.query("commit");
      return result;
    } catch (error) {
      failure = error;
      throw error;
    } finally {
      client.off("error", unheard);
      // After a failure the connection's state is not known for certain: close it rather than reuse it.
      client.release(failure !== undefined);
    }
  }

  /** A client of the caller's own, not yet connected: for LISTEN and for cursors. */
  client(): pg.Client {
    return new pg.Client(this.#clientConfig());
  }

  #openPool(): pg.Pool {
    const pool = new pg.Pool({
      ...this.#clientConfig(),
      max: POOL_SIZE,
      idleTimeoutMillis: 30_000,
      query_timeout: STATEMENT_TIMEOUT,
    });
    pool.on("connect", (client) => {
      const { stream } = (client as unknown as { connection: { stream: Socket } }).connection;
      this.#sockets.add(stream);
      stream.once("close", () => this.#sockets.delete(stream));
    });
    pool.on("error", (error) => this.#telemetry.emit("service:error", { service: "pool", error }));
    return pool;
  }

  #clientConfig(): pg.ClientConfig {
    const options = [this.#config.options, this.#sessionOptions].filter(Boolean).join(" ");
    return options === "" ? this.#config : { ...this.#config, options };
  }

  #running(): pg.Pool {
    if (this.#pool === undefined) {
      throw new DatabaseError("ERR_BATON_DATABASE_UNREACHABLE", "The connections to the database are closed");
    }
    return this.#pool;
  }

  #address(): string {
    const { host, port, database } = this.client();
    return `${host}:${port}/${database}`;
  }
}

async function inspect(pool: pg.Pool): Promise<void> {
  const { rows } = await pool.query<{ version: string; encoding: string }>(
    "select current_setting('server_version_num') as version, current_setting('server_encoding') as encoding",
  );
  const { version, encoding } = rows[0] as { version: string; encoding: string };
  if (Number(version) < OLDEST_VERSION) {
    throw new DatabaseError(
      "ERR_BATON_DATABASE_UNSUPPORTED",
      `PostgreSQL ${Math.floor(Number(version) / 10_000)} is too old: Baton needs 13 or later`,
    );
  }
  if (encoding !== "UTF8") {
    throw new DatabaseError(
      "ERR_BATON_DATABASE_UNSUPPORTED",
      `The database's encoding is ${encoding}: Baton needs UTF8. Create it with: create database ... encoding 'UTF8' template template0`,
    );
  }
}

function connectError(error: unknown, address: string): DatabaseError {
  const { message } = error as Error;
  // A refusal has an SQLSTATE: wrong password, no such database, no rights. All else is a matter of the network.
  if (sqlState(error) !== null) {
    return new DatabaseError("ERR_BATON_DATABASE_REFUSED", `The database at ${address} refuses: ${message}`, {
      cause: error,
    });
  }
  const reason = message || String((error as { code?: unknown }).code);
  return new DatabaseError(
    "ERR_BATON_DATABASE_UNREACHABLE",
    `No PostgreSQL answers at ${address} (${reason}). Check the connection option, or that the server runs.`,
    { cause: error },
  );
}
