import pg from "pg";
import { DatabaseError } from "../errors.js";
import type { Telemetry } from "../telemetry.js";
import { type CopiedRow, CopyOut } from "./copy.js";
import { type Room, readRows } from "./cursor.js";
import { sqlState } from "./failure.js";
import { connectError, inspect } from "./inspection.js";
import { Sockets, type Wait } from "./sockets.js";

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

/**
 * A prepared statement that is not there, or is there already, though this connection has prepared it, or has not: a pooler
 * gives us another session with each transaction (PgBouncer before 1.21, or with `max_prepared_statements = 0`).
 */
const UNKEPT: ReadonlySet<string> = new Set(["26000", "42P05"]);

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
  /** Whether the way to the server keeps prepared statements; a pooler in transaction mode may not. */
  #prepares = true;
  readonly #sockets = new Sockets();
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
    // It may be about to open: a server that does not answer must not hold up the stop.
    if (pool === undefined) return this.cutOlder(0);
    const force = setTimeout(() => this.cutOlder(0), LAST_STATEMENTS);
    await pool.end();
    clearTimeout(force);
  }

  /**
   * Cuts the pool's connections that are so many ms old or older, because they are known to be dead though no error has shown
   * it. Their statements fail; new ones connect anew.
   */
  cutOlder(ms: number): void {
    this.#sockets.cutOlder(ms);
  }

  /** The pool's statements that have waited for their answer for so many ms. */
  stalled(ms: number): Wait[] {
    return this.#sockets.stalled(ms);
  }

  /** Cuts the connections on which these statements wait: the server is known not to be at work on them. */
  cut(waits: readonly Wait[]): void {
    this.#sockets.cut(waits);
  }

  /**
   * Runs a prepared statement on any free connection; unprepared, where the way there does not keep them. Rejects with pg's
   * own error.
   */
  query<Row extends object>(statement: Statement, values: unknown[]): Promise<Row[]> {
    return this.#on((client) => this.#run<Row>(client, statement, values));
  }

  /** Runs a `COPY … TO STDOUT (FORMAT binary)` on any free connection: for bytes in bulk. Rejects with pg's own error. */
  copy(text: string, onRow: (row: CopiedRow) => void): Promise<void> {
    return this.#on((client) => CopyOut.run(client, text, onRow));
  }

  /** Reads rows through a cursor on any free connection, for as long as there is room for them; see {@link readRows}. */
  read<Row>(text: string, values: unknown[], room: Room<Row>): Promise<Row[]> {
    return this.#on((client) => readRows(client, text, values, room));
  }

  async #on<Result>(work: (client: pg.ClientBase) => Promise<Result>): Promise<Result> {
    const client = await this.#running().connect();
    const wait = this.#sockets.begin(client);
    let broken = false;
    try {
      return await work(client);
    } catch (error) {
      // What the server itself refuses leaves the connection in order, unless it is the server that ends.
      broken = sqlState(error)?.startsWith("57P") ?? true;
      throw error;
    } finally {
      this.#sockets.end(wait);
      client.release(broken);
    }
  }

  async #run<Row extends object>(client: pg.ClientBase, { name, text }: Statement, values: unknown[]): Promise<Row[]> {
    if (this.#prepares) {
      try {
        return (await client.query<Row>({ name, text, values })).rows;
      } catch (error) {
        // Both come before the statement has done anything: to run it again is to run it once.
        if (!UNKEPT.has(sqlState(error) ?? "")) throw error;
        this.#prepares = false;
      }
    }
    return (await client.query<Row>({ text, values })).rows;
  }

  /** Runs several statements on one connection within one transaction. */
  async transaction<Result>(work: (client: pg.ClientBase) => Promise<Result>): Promise<Result> {
    const client = await this.#running().connect();
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
      // After a failure the connection's state is not known for certain: close it rather than reuse it.
      client.release(failure !== undefined);
    }
  }

  /** A client of the caller's own, not yet connected: for LISTEN and for cursors. */
  client(config: pg.ClientConfig = {}): pg.Client {
    return new pg.Client({ ...this.#clientConfig(), ...config });
  }

  #openPool(): pg.Pool {
    const pool = new pg.Pool({
      ...this.#clientConfig(),
      max: POOL_SIZE,
      idleTimeoutMillis: 30_000,
      query_timeout: STATEMENT_TIMEOUT,
      stream: () => this.#sockets.add(this.#config.stream?.()),
    });
    // A connection lost fails the statement under way or the next; unheard, its error would end the process as well.
    pool.on("connect", (client) => client.on("error", () => {}));
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
