import { expect } from "chai";
import { Database } from "../../lib/postgres/database.js";
import { Engine } from "../../lib/engine/engine.js";
import { Pulse } from "../../lib/postgres/pulse.js";
import { Telemetry } from "../../lib/telemetry.js";
import { Engines, registration } from "../support/engines.js";
import { FaultyProxy } from "../support/faulty-proxy.js";
import { until } from "../support/until.js";

const HOST = Buffer.from("a host of sixteen").toString("base64url").slice(0, 22);

describe("a host's heartbeat where one fault follows another", function () {
  this.timeout(60_000);
  let test: Engines;
  let proxy: FaultyProxy;
  let database: Database;
  let engine: Engine;
  let pulse: Pulse;
  let beats: number;

  before(async () => {
    test = await Engines.start();
  });

  after(() => test.stop());

  beforeEach(async () => {
    await test.reset();
    proxy = new FaultyProxy(test.url);
    database = new Database(await proxy.start(), "test pulse", new Telemetry("test"));
    await database.start();
    engine = new Engine(database, "baton", HOST);
    beats = 0;
    pulse = new Pulse({
      database,
      telemetry: new Telemetry("test"),
      host: HOST,
      heartbeat: engine.heartbeat,
      onBeat: () => {
        beats += 1;
      },
      onMissing: async () => {},
    });
    await pulse.connect();
    const sentAt = performance.now();
    pulse.begin(sentAt, await engine.register({ ...registration("pulse"), lockKey: pulse.lockKey }));
  });

  afterEach(async () => {
    proxy.full = false;
    proxy.heal();
    await pulse.stop();
    await database.stop();
    await proxy.stop();
  });

  async function row(): Promise<{ beat: number; lock_key: string | null }> {
    const { rows } = await test.sql.query("select beat::int, lock_key::text from baton.hosts where id = $1", [HOST]);
    return rows[0] as { beat: number; lock_key: string | null };
  }

  /** A heartbeat over a connection, which holds its lock. */
  async function beaten(): Promise<void> {
    const before = beats;
    await until(() => beats > before && pulse.fresh && pulse.lockKey !== null, "a heartbeat", 12_000);
    await until(async () => (await row()).lock_key === pulse.lockKey, "its lock to be shown");
  }

  it("goes on though its connection swallows bytes and the server has no room for another at first", async () => {
    proxy.numb();
    proxy.full = true;
    pulse.beatNow();
    await until(() => !pulse.fresh, "it to be stale");
    proxy.full = false;
    await beaten();
  });

  it("goes on though the connection that comes instead swallows bytes too, at each of its statements", async () => {
    for (const statement of ["pg_stat_get_activity", "set beat = beat + 1", "pg_advisory_lock"]) {
      proxy.numb();
      proxy.numbAt = statement;
      pulse.beatNow();
      await until(() => proxy.numbAt === null, `${statement} to be swallowed`);
      await beaten();
    }
  });

  it("shows life over the pool, without a lock, while the server has no room for a connection of its own", async () => {
    proxy.full = true;
    await test.sql.query(
      `select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and pid <> pg_backend_pid()
       and database = (select oid from pg_database where datname = current_database())`,
    );
    await until(async () => (await row()).lock_key === null, "a heartbeat over the pool", 1_000);
    const { beat } = await row();
    await until(async () => (await row()).beat > beat, "another one");
    expect(pulse.fresh).to.equal(true);
    proxy.full = false;
    await beaten();
  });

  it("stops at once though a connection is about to open, and leaves none behind", async () => {
    proxy.swallow();
    pulse.beatNow();
    await until(() => !pulse.fresh, "it to be stale");
    const start = performance.now();
    await pulse.stop();
    await database.stop();
    await until(() => proxy.lines === 0, "its connections to be closed", 2_000);
    expect(performance.now() - start).to.be.below(4_000);
  });
});
