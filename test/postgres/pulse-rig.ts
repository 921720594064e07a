import { Engine } from "../../lib/engine/engine.js";
import { Database } from "../../lib/postgres/database.js";
import { Pulse } from "../../lib/postgres/pulse.js";
import { Telemetry } from "../../lib/telemetry.js";
import { type Engines, registration } from "../support/engines.js";
import { FaultyProxy } from "../support/faulty-proxy.js";
import { until } from "../support/until.js";

const HOST = Buffer.from("a host of sixteen").toString("base64url").slice(0, 22);

/** What the row of the host shows; `free` while nobody holds the lock that it names. */
interface Row {
  readonly beat: number;
  readonly lock_key: string | null;
  readonly free: boolean;
}

/** The pulse of one host, whose connections go through a faulty proxy. */
export class PulseRig {
  readonly proxy: FaultyProxy;
  readonly database: Database;
  readonly pulse: Pulse;
  /** How many heartbeats were answered; the registration counts as one. */
  beats = 0;
  /** How many heartbeats found no row of the host. */
  missing = 0;
  readonly #test: Engines;
  readonly #engine: Engine;

  private constructor(test: Engines, proxy: FaultyProxy, database: Database) {
    this.#test = test;
    this.proxy = proxy;
    this.database = database;
    this.#engine = new Engine(database, "baton", HOST);
    this.pulse = new Pulse({
      database,
      telemetry: new Telemetry("test"),
      host: HOST,
      heartbeat: this.#engine.heartbeat,
      onBeat: () => {
        this.beats += 1;
      },
      onMissing: async () => {
        this.missing += 1;
      },
    });
  }

  /** Empties the tables and opens the database. The host is registered by {@link begin}. */
  static async start(test: Engines): Promise<PulseRig> {
    await test.reset();
    const proxy = new FaultyProxy(test.url);
    const database = new Database(await proxy.start(), "test pulse", new Telemetry("test"));
    await database.start();
    return new PulseRig(test, proxy, database);
  }

  async stop(): Promise<void> {
    this.proxy.full = false;
    this.proxy.heal();
    await this.pulse.stop();
    await this.database.stop();
    await this.proxy.stop();
  }

  /** Connects, registers the host, and starts its heartbeats. */
  async begin(): Promise<void> {
    await this.pulse.connect();
    const sentAt = performance.now();
    const { lockKey } = this.pulse;
    this.pulse.begin(sentAt, await this.#engine.register({ ...registration("pulse"), lockKey }));
  }

  async row(): Promise<Row | undefined> {
    const { rows } = await this.#test.sql.query<Row>(
      `select beat::int, lock_key::text, lock_key is not null and pg_try_advisory_xact_lock_shared(lock_key) as free
       from baton.hosts where id = $1`,
      [HOST],
    );
    return rows[0];
  }

  /** The server processes of connections that have sent a heartbeat. */
  async backends(): Promise<number[]> {
    const { rows } = await this.#test.sql.query<{ pid: number }>(
      `select pid from pg_stat_activity where datname = current_database() and query like '%set beat = beat + 1%'
       and pid <> pg_backend_pid()`,
    );
    return rows.map(({ pid }) => pid);
  }

  /** Waits for a heartbeat whose connection holds a lock, and for the row to show that lock. */
  async beaten(): Promise<void> {
    const { pulse, beats } = this;
    await until(() => this.beats > beats && pulse.fresh && pulse.lockKey !== null, "a heartbeat", 12_000);
    await until(async () => (await this.row())?.lock_key === pulse.lockKey, "its lock to be shown");
  }
}
