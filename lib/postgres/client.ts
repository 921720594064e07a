import pg from "pg";
import { DatabaseError } from "../errors.js";
import { isOwn } from "./ownership.js";
import type { Route } from "./route.js";
import { type Limits, settingsOf } from "./settings.js";
import { closeClient } from "./sockets.js";

/** ms that the server has to say in what state a new session is. */
const INSPECTION_TIMEOUT = 5_000;

/** The process, whether it takes writes, and the settings that are named; null for those that the server does not know. */
const INSPECT = `select pg_catalog.pg_backend_pid() as pid,
  pg_catalog.pg_is_in_recovery() or pg_catalog.current_setting('transaction_read_only') = 'on' as "readOnly",
  array(select pg_catalog.current_setting(name, true) from pg_catalog.unnest($1::pg_catalog.text[]) name) as values`;

const APPLY = `select pg_catalog.set_config(i.name, i.value, false)
  from unnest($1::pg_catalog.text[], $2::pg_catalog.text[]) as i(name, value)`;

/**
 * Has the server end a statement within seconds of its connection's end, though it waits for a lock. From PostgreSQL 14 on, and
 * not on every system.
 */
const NOTICE_CUTS = `select pg_catalog.set_config('client_connection_check_interval', '2s', false)
  where pg_catalog.current_setting('client_connection_check_interval', true) is not null`;

interface Inspection {
  readonly pid: number;
  readonly readOnly: boolean;
  readonly values: readonly (string | null)[];
}

type Callback = ((error: Error) => void) | ((error: null, client: pg.ClientBase) => void);

/**
 * A connection to the server that takes writes. It counts as connected once the session is known to take writes and to have
 * the settings that our statements depend on; a pooler's session is left as it is, since it serves others too.
 */
export class ServerClient extends pg.Client {
  readonly #route: Route;
  readonly #limits: Limits;
  /** The server it connects to, as the route counts them. */
  readonly server: number;
  /** The route's epoch when the server was last known to take writes. */
  #epoch: number;
  #pid: number | null = null;

  /** @param defaults what holds where the user gave nothing, and `own` what holds whatever the user gave. */
  constructor(route: Route, limits: Limits, defaults: pg.ClientConfig, own: pg.ClientConfig) {
    super({ ...defaults, ...route.config(limits), ...own });
    this.#route = route;
    this.#limits = limits;
    this.server = route.current;
    this.#epoch = route.epoch;
    // A connection that is lost fails the statement under way or the next; unheard, its error would end the process as well.
    this.on("error", () => {});
  }

  /** Whether the session is this connection's own, rather than a pooler's. */
  get own(): boolean {
    return this.#pid !== null;
  }

  /** The server's process behind it; null where the session is a pooler's. */
  get pid(): number | null {
    return this.#pid;
  }

  /** Whether the server it is connected to may take no writes any more. */
  get outdated(): boolean {
    return this.#epoch !== this.#route.epoch;
  }

  /** A statement on this connection was refused because the server takes no writes: no connection to it is of use. */
  leave(): void {
    if (!this.outdated) this.#route.leave(this.server);
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
      await this.#inspect();
    } catch (error) {
      void closeClient(this);
      this.#route.avoid(this.server);
      throw error;
    }
    this.#route.settle(this.server);
    this.#epoch = this.#route.epoch;
    return this;
  }

  async #inspect(): Promise<void> {
    const wanted = Object.entries(settingsOf(this.#limits));
    const names = wanted.map(([name]) => name);
    const { pid, readOnly, values } = await this.#ask<Inspection>(INSPECT, [names]);
    if (readOnly) {
      throw new DatabaseError(
        "ERR_BATON_DATABASE_READ_ONLY",
        `The database at ${this.host}:${this.port} takes no writes: it is a standby, or default_transaction_read_only is on. Name the primary, or all servers: postgres://a:5432,b:5432/database`,
      );
    }
    if (!isOwn(this, pid)) return;
    this.#pid = pid;
    const missing = wanted.filter(([, value], at) => typeof values[at] === "string" && values[at] !== value);
    if (missing.length > 0) {
      await this.#ask(APPLY, [missing.map(([name]) => name), missing.map(([, value]) => value)]);
    }
    await this.#ask(NOTICE_CUTS, []).catch(() => {});
  }

  async #ask<Row extends object>(text: string, values: unknown[]): Promise<Row> {
    const query = { text, values, query_timeout: INSPECTION_TIMEOUT };
    return (await this.query<Row>(query)).rows[0] as Row;
  }
}
