import type { Duplex } from "node:stream";
import pg from "pg";
import { DatabaseError } from "../errors.js";
import type { Telemetry } from "../telemetry.js";
import { addressOf, type Connection } from "./address.js";
import { ServerClient } from "./client.js";
import { type CopiedRow, CopyOut } from "./copy.js";
import { type Room, readRows } from "./cursor.js";
import { READ_ONLY, sqlState } from "./failure.js";
import { connectError, inspect } from "./preflight.js";
import { Route } from "./route.js";
import { type Limits, LIMITS } from "./settings.js";
import { closeClient, Sockets, type Wait } from "./sockets.js";

/** Pools by what their statements cost: time, or the way of many bytes. */
interface Pools {
  readonly statements: pg.Pool;
  readonly bulk: pg.Pool;
}

/** A connection that is lent by a pool. */
type PooledClient = pg.PoolClient & ServerClient;

/** A statement with its name: prepared once for each connection. */
export interface Statement {
  readonly name: string;
  readonly text: string;
}

/** Statements run on few connections: each service has one in flight at a time, batched. */
const POOL_SIZE = 4;
/** Those of statements with many bytes. Opened when there are such. */
const BULK_POOL_SIZE = 2;
/** Bytes of one parameter from which a statement is one in bulk. */
const BULK = 262_144;
/** ms that statements under way get when the connections close. */
const LAST_STATEMENTS = 2_000;

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

/** The connections to PostgreSQL: small pools for statements, and clients of their own for those who need to hold one. */
export class Database {
  readonly #config: pg.ClientConfig;
  readonly #telemetry: Telemetry;
  readonly #route: Route;
  /** Whether the way to the server keeps prepared statements; a pooler in transaction mode may not. */
  #prepares = true;
  readonly #sockets: Sockets;
  #pools: Pools | undefined;
  /** Connections that are lent for work that takes long. */
  readonly #lent = new Set<ServerClient>();

  /** @param patience ms without a byte in either direction after which a statement counts as lost. */
  constructor(connection: Connection, applicationName: string, telemetry: Telemetry, patience?: number) {
    this.#config = {
      application_name: applicationName,
      keepAlive: true,
      keepAliveInitialDelayMillis: 5_000,
      connectionTimeoutMillis: 5_000,
    };
    this.#route = new Route(addressOf(connection));
    this.#telemetry = telemetry;
    this.#sockets = new Sockets(patience);
  }

  /** The role that connects. */
  get user(): string {
    return this.#route.user;
  }

  /**
   * Opens the pools and inspects the server. Idempotent. Throws {@link DatabaseError} if no server can be reached
   * (`ERR_BATON_DATABASE_UNREACHABLE`), refuses the connection (`..._REFUSED`), takes no writes (`..._READ_ONLY`), or is older
   * than 13 or not UTF8 (`..._UNSUPPORTED`).
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
        await inspect(client);
      } finally {
        client.release();
      }
    } catch (error) {
      await Promise.all(Object.values(pools).map((pool) => pool.end()));
      throw error instanceof DatabaseError ? error : connectError(error, this.#route.names());
    }
    this.#pools = pools;
  }

  /** Closes every connection of the pools, those that still have a statement under way after a moment by force. Idempotent. */
  async stop(): Promise<void> {
    const pools = this.#pools;
    this.#pools = undefined;
    // They may be about to open: a server that does not answer must not hold up the stop.
    if (pools === undefined) return this.cutOlder(0);
    for (const client of this.#lent) void closeClient(client);
    const force = setTimeout(() => this.cutOlder(0), LAST_STATEMENTS);
    await Promise.all(Object.values(pools).map((pool) => pool.end()));
    clearTimeout(force);
  }

  /**
   * Cuts the pools' connections that are so many ms old or older, because they are known to be dead though no error has shown
   * it. Their statements fail; new ones connect anew.
   */
  cutOlder(ms: number): void {
    this.#sockets.cutOlder(ms);
  }

  /** The pools' statements for which no byte has moved for so many ms. */
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
    return this.#on(values.some(isBulk) ? "bulk" : "statements", (client) => this.#run<Row>(client, statement, values));
  }

  /** Runs a `COPY … TO STDOUT (FORMAT binary)` on any free connection: for bytes in bulk. Rejects with pg's own error. */
  copy(text: string, onRow: (row: CopiedRow) => void): Promise<void> {
    return this.#on("bulk", (client) => CopyOut.run(client, text, onRow));
  }

  /** Reads rows through a cursor on any free connection, for as long as there is room for them; see {@link readRows}. */
  read<Row>(text: string, values: unknown[], room: Room<Row>): Promise<Row[]> {
    return this.#on("statements", (client) => readRows(client, text, values, room));
  }

  /**
   * Runs several statements on one connection within one transaction. It has no time limit but that of its locks; `set local`
   * gives it one.
   */
  transaction<Result>(work: (client: pg.ClientBase) => Promise<Result>): Promise<Result> {
    return this.alone(async (client) => {
      await client.query("begin");
      const result = await work(client);
      await client.query("commit");
      return result;
    });
  }

  /** Lends a connection without a time limit, for work that takes long. {@link stop} ends it. */
  async alone<Result>(work: (client: ServerClient) => Promise<Result>): Promise<Result> {
    this.#running();
    const client = this.client();
    this.#lent.add(client);
    try {
      await client.connect();
      return await work(client);
    } finally {
      this.#lent.delete(client);
      await closeClient(client);
    }
  }

  /** A client of the caller's own, not yet connected: for LISTEN and for cursors. */
  client(config: pg.ClientConfig = {}, limits: Limits = LIMITS.none): ServerClient {
    return new ServerClient(this.#route, limits, this.#config, { ...config, types: TYPES });
  }

  async #on<Result>(lane: keyof Pools, work: (client: ServerClient) => Promise<Result>): Promise<Result> {
    const client = await this.#checkOut(this.#running()[lane]);
    const wait = this.#sockets.begin(client);
    let broken = false;
    try {
      return await work(client);
    } catch (error) {
      const state = sqlState(error);
      // What the server itself refuses leaves the connection in order, unless it is the server that ends or takes no writes.
      broken = state === null || state.startsWith("57P") || state === READ_ONLY;
      if (state === READ_ONLY) client.leave();
      throw error;
    } finally {
      this.#sockets.end(wait);
      client.release(broken);
    }
  }

  /** A connection to a server that takes writes, as far as is known: each of the servers is tried once. */
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

  #openPool(max: number, limits: Limits): pg.Pool {
    const [route, config, sockets] = [this.#route, this.#config, this.#sockets];
    class Client extends ServerClient {
      constructor() {
        const stream = (): Duplex => sockets.add(route.config(limits).stream?.());
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

/** Whether a parameter has so many bytes that its statement takes as long as they do. */
function isBulk(value: unknown): boolean {
  return (typeof value === "string" || Buffer.isBuffer(value)) && value.length >= BULK;
}
