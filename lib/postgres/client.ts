import pg from "pg";
import { DatabaseError } from "../errors.js";
import { handshakeProcessOf, streamOf, type TimedQuery } from "./internals.js";
import type { Route } from "./route.js";
import { type Limits, settingsOf } from "./settings.js";

/** Time limit, in ms, of each statement that prepares a session. */
const PREPARE_TIMEOUT = 5_000;
/** ms to close a connection in order. */
const CLOSE_TIMEOUT = 500;

/** `values` are those of the settings named in `$1`; null for a setting that the server lacks. */
const SESSION = `select pg_catalog.pg_backend_pid() as pid,
  pg_catalog.pg_is_in_recovery() or pg_catalog.current_setting('transaction_read_only') = 'on' as "readOnly",
  array(select pg_catalog.current_setting(name, true) from pg_catalog.unnest($1::pg_catalog.text[]) name) as values`;

interface Session {
  readonly pid: number;
  readonly readOnly: boolean;
  readonly values: readonly (string | null)[];
}

// `unnest` of several arrays is syntax of PostgreSQL, and takes no schema.
const APPLY = `select pg_catalog.set_config(i.name, i.value, false)
  from unnest($1::pg_catalog.text[], $2::pg_catalog.text[]) as i(name, value)`;

/**
 * Lets the server end a statement within seconds of the loss of its connection, even while the
 * statement waits for a lock. Since PostgreSQL 14, and not on every system.
 */
const NOTICE_CUTS = `select pg_catalog.set_config('client_connection_check_interval', '2s', false)
  where pg_catalog.current_setting('client_connection_check_interval', true) is not null`;

type Callback = ((error: Error) => void) | ((error: null, client: pg.ClientBase) => void);

/**
 * A connection to the server that takes writes: every connection of Baton is one. `connect`
 * resolves once the session is known to take writes and has the settings that Baton's statements
 * depend on. It leaves a pooler's session as it is, since that serves other clients too.
 */
export class ServerClient extends pg.Client {
  readonly #route: Route;
  readonly #limits: Limits;
  /** The index of its server in the route. */
  readonly server: number;
  /** The route's epoch when the server was last known to take writes. */
  #epoch: number;
  #pid: number | null = null;

  /**
   * @param defaults config that the user's overrides.
   * @param own config that overrides the user's.
   */
  constructor(route: Route, limits: Limits, defaults: pg.ClientConfig, own: pg.ClientConfig) {
    super({ ...defaults, ...route.config(limits), ...own });
    this.#route = route;
    this.#limits = limits;
    this.server = route.current;
    this.#epoch = route.epoch;
    // A lost connection fails its current or next statement. Without a listener, the error event
    // would end the process as well.
    this.on("error", () => {});
  }

  /** Whether the session belongs to this connection alone. A pooler's does not. */
  get own(): boolean {
    return this.#pid !== null;
  }

  /** The server process of the session; null if the session is a pooler's. */
  get pid(): number | null {
    return this.#pid;
  }

  /** Whether the server may have stopped taking writes since the connection was made. */
  get outdated(): boolean {
    return this.#epoch !== this.#route.epoch;
  }

  /** Reports that the server refused a statement because it takes no writes. */
  leave(): void {
    if (!this.outdated) this.#route.leave(this.server);
  }

  /** Closes the connection in order, or by force if that takes longer than 500 ms. */
  async close(): Promise<void> {
    const stream = streamOf(this);
    const force = setTimeout(() => stream.destroy(), CLOSE_TIMEOUT);
    await this.end().catch(() => {});
    clearTimeout(force);
  }

  override connect(): Promise<this>;
  override connect(callback: Callback): void;
  override connect(callback?: Callback): Promise<this> | void {
    if (callback === undefined) return this.#connect();
    void this.#call(callback as (error: Error | null, client: pg.ClientBase) => void);
  }

  async #call(callback: (error: Error | null, client: pg.ClientBase) => void): Promise<void> {
    const failure = await this.#connect().then(
      () => null,
      (error: unknown) => error as Error,
    );
    callback(failure, this);
  }

  async #connect(): Promise<this> {
    try {
      await super.connect();
      await this.#prepareSession();
    } catch (error) {
      void this.close();
      this.#route.avoid(this.server);
      throw error;
    }
    this.#route.settle(this.server);
    this.#epoch = this.#route.epoch;
    return this;
  }

  async #prepareSession(): Promise<void> {
    const wanted = Object.entries(settingsOf(this.#limits));
    const names = wanted.map(([name]) => name);
    const { pid, readOnly, values } = await this.#ask<Session>(SESSION, [names]);
    if (readOnly) {
      throw new DatabaseError(
        "ERR_BATON_DATABASE_READ_ONLY",
        `The database at ${this.host}:${this.port} takes no writes: it is a standby, or default_transaction_read_only is on. Connect to the primary, or list all servers: postgres://a:5432,b:5432/database`,
      );
    }
    // A pooler makes up the process that it names in the handshake, since each transaction may get
    // another one.
    if (handshakeProcessOf(this) !== pid) return;
    this.#pid = pid;
    const missing = wanted.filter(([, value], at) => typeof values[at] === "string" && values[at] !== value);
    if (missing.length > 0) {
      await this.#ask(APPLY, [missing.map(([name]) => name), missing.map(([, value]) => value)]);
    }
    await this.#ask(NOTICE_CUTS, []).catch(() => {});
  }

  async #ask<Row extends object>(text: string, values: unknown[]): Promise<Row> {
    const query: TimedQuery = { text, values, query_timeout: PREPARE_TIMEOUT };
    return (await this.query<Row>(query)).rows[0] as Row;
  }
}
