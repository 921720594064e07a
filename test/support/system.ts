import pg from "pg";
import { createDatabase, type TestDatabase } from "./database.js";
import { FaultyProxy } from "./faulty-proxy.js";
import { Hosts } from "./hosts.js";

/**
 * How long a system lives: for each test, for the suite, or for the suite
 * with a reset after each test, which stops the hosts and deletes all rows.
 */
export type Lifetime = "test" | "suite" | "suite, with resets";

/** Creates the database of a system. */
export type CreateDatabase = () => Promise<Pick<TestDatabase, "url" | "drop">>;

/** Deletes all rows, if there are tables. */
const DELETE_ROWS = `do $$ begin
  truncate baton.jobs, baton.hosts;
exception when undefined_table or invalid_schema_name then null;
end $$`;

/**
 * Sets up a database with hosts for the surrounding `describe`, by mocha's hooks. Call
 * it after `this.timeout`, and before the suite's own hooks: they run after these.
 *
 * ```ts
 * const { hosts, sql } = useSystem("test");
 * it("runs jobs", async () => {
 *   const host = await hosts.start({ queues: { default: 1 } });
 *   ...
 * });
 * ```
 */
export function useSystem(lifetime: Lifetime, create: CreateDatabase = createDatabase): System {
  const system = new System(create);
  const [first, last] = lifetime === "test" ? [beforeEach, afterEach] : [before, after];
  first(() => system.setUp());
  if (lifetime === "suite, with resets") afterEach(() => system.reset());
  last(() => system.tearDown());
  return system;
}

/** A database with hosts. Usable in hooks and tests, not before. */
export class System {
  /** Reach the database directly. */
  readonly hosts = new Hosts(() => this.url);
  readonly sql = new Sql();
  readonly #create: CreateDatabase;
  #database: Pick<TestDatabase, "url" | "drop"> | undefined;
  readonly #otherHosts: Hosts[] = [];
  readonly #proxies: FaultyProxy[] = [];

  constructor(create: CreateDatabase) {
    this.#create = create;
  }

  get url(): string {
    if (this.#database === undefined) throw new Error("There is no database yet: use it in hooks and tests");
    return this.#database.url;
  }

  /** Hosts that reach the database by another URL. They are stopped with all others. */
  hostsAt(url: string): Hosts {
    const hosts = new Hosts(url);
    this.#otherHosts.push(hosts);
    return hosts;
  }

  /**
   * Opens a faulty way to the database, and returns hosts that use it. It closes with the system.
   */
  async openProxy(): Promise<{ proxy: FaultyProxy; hosts: Hosts; url: string }> {
    const proxy = new FaultyProxy(this.url);
    this.#proxies.push(proxy);
    const url = await proxy.start();
    return { proxy, hosts: this.hostsAt(url), url };
  }

  async setUp(): Promise<void> {
    this.#database = await this.#create();
    await this.sql.connect(this.url);
  }

  async reset(): Promise<void> {
    await this.#stopHosts();
    await this.sql.query(DELETE_ROWS);
  }

  async tearDown(): Promise<void> {
    await this.#stopHosts();
    this.#otherHosts.length = 0;
    await this.sql.end();
    await Promise.all(this.#proxies.splice(0).map((proxy) => proxy.stop()));
    await this.#database?.drop();
    this.#database = undefined;
  }

  /** Without faults, so that they can write their last outcomes. */
  async #stopHosts(): Promise<void> {
    for (const proxy of this.#proxies) {
      proxy.rate = Number.POSITIVE_INFINITY;
      proxy.heal();
    }
    await Promise.all([this.hosts, ...this.#otherHosts].map((hosts) => hosts.stop()));
  }
}

/** The test's own connection to the database. */
class Sql {
  #client: pg.Client | undefined;

  /** Like `pg.Client.query`. */
  readonly query = ((...call: Parameters<pg.Client["query"]>) =>
    this.#connected().query(...call)) as pg.Client["query"];

  /** Calls back with the payloads of a channel. */
  async listen(channel: string, onPayload: (payload: string) => void): Promise<void> {
    this.#connected().on("notification", ({ payload = "" }) => onPayload(payload));
    await this.query(`listen ${pg.escapeIdentifier(channel)}`);
  }

  async connect(url: string): Promise<void> {
    this.#client = new pg.Client(url);
    await this.#client.connect();
  }

  async end(): Promise<void> {
    await this.#client?.end();
    this.#client = undefined;
  }

  #connected(): pg.Client {
    if (this.#client === undefined) throw new Error("It is not connected yet: use it in hooks and tests");
    return this.#client;
  }
}
