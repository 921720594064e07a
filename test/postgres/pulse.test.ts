import { expect } from "chai";
import { Database } from "../../lib/postgres/database.js";
import { Engine } from "../../lib/engine/engine.js";
import { Pulse } from "../../lib/postgres/pulse.js";
import { Telemetry } from "../../lib/telemetry.js";
import { Engines, registration } from "../support/engines.js";
import { FaultyProxy } from "../support/faulty-proxy.js";
import { until } from "../support/until.js";

const HOST = Buffer.from("a host of sixteen").toString("base64url").slice(0, 22);

describe("a host's heartbeat", () => {
  let test: Engines;
  let proxy: FaultyProxy;
  let database: Database;
  let engine: Engine;
  let pulse: Pulse;
  let beats: number;
  let missing: number;

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
    missing = 0;
    pulse = new Pulse({
      database,
      telemetry: new Telemetry("test"),
      host: HOST,
      heartbeat: engine.heartbeat,
      onBeat: () => {
        beats += 1;
      },
      onMissing: async () => {
        missing += 1;
      },
    });
  });

  afterEach(async () => {
    await pulse.stop();
    await database.stop();
    await proxy.stop();
  });

  async function begin(): Promise<void> {
    await pulse.connect();
    const sentAt = performance.now();
    pulse.begin(sentAt, await engine.register({ ...registration("pulse"), lockKey: pulse.lockKey }));
  }

  async function row(): Promise<{ beat: number; lock_key: string | null; free: boolean } | undefined> {
    const { rows } = await test.sql.query(
      `select beat::int, lock_key::text, lock_key is not null and pg_try_advisory_xact_lock_shared(lock_key) as free
       from baton.hosts where id = $1`,
      [HOST],
    );
    return rows[0] as { beat: number; lock_key: string | null; free: boolean } | undefined;
  }

  /** What the server knows of connections that have beaten. */
  async function backends(): Promise<number[]> {
    const { rows } = await test.sql.query<{ pid: number }>(
      `select pid from pg_stat_activity where datname = current_database() and query like '%set beat = beat + 1%'
       and pid <> pg_backend_pid()`,
    );
    return rows.map(({ pid }) => pid);
  }

  it("raises a number, and holds a lock that nobody else can have", async () => {
    await begin();
    pulse.beatNow();
    await until(async () => (await row())?.beat === 1, "a heartbeat");
    expect(pulse.fresh).to.equal(true);
    await until(() => pulse.beat === 1, "its answer");
    expect(await row()).to.include({ lock_key: pulse.lockKey, free: false });
  });

  it("goes on over another connection when its own is terminated, under a greater key", async () => {
    await begin();
    const first = BigInt(pulse.lockKey ?? 0);
    pulse.beatNow();
    await until(() => beats >= 2, "a heartbeat");
    const [before] = await backends();
    await test.sql.query("select pg_terminate_backend($1)", [before]);
    await until(async () => BigInt((await row())?.lock_key ?? first) > first, "the new key");
    expect(await row()).to.include({ lock_key: pulse.lockKey, free: false });
    expect(await backends()).to.not.include(before);
  });

  it("goes on over another connection when its own swallows bytes", async () => {
    await begin();
    const first = pulse.lockKey;
    proxy.numb();
    pulse.beatNow();
    await until(async () => ((await row())?.lock_key ?? first) !== first, "the new key", 10_000);
    expect(pulse.fresh).to.equal(true);
  });

  it("is not fresh while the database is silent, and is again soon after", async () => {
    await begin();
    proxy.swallow();
    await until(() => !pulse.fresh, "it to be stale", 10_000);
    const before = beats;
    proxy.heal();
    await until(() => pulse.fresh && beats > before, "a heartbeat", 10_000);
  });

  it("waits for a lock on the table of hosts without piling up connections, and is answered when it is gone", async () => {
    await begin();
    await test.sql.query("begin; lock table baton.hosts in access exclusive mode");
    pulse.beatNow();
    await until(() => !pulse.fresh, "it to be stale", 15_000);
    expect((await backends()).length).to.be.at.most(2);
    await test.sql.query("commit");
    const before = beats;
    await until(() => pulse.fresh && beats > before, "a heartbeat", 10_000);
  });

  it("tells when its host is off the list", async () => {
    await begin();
    await test.sql.query("delete from baton.hosts");
    pulse.beatNow();
    await until(() => missing > 0, "the news");
  });

  it("has no lock behind a pooler, whose sessions are not its own", async () => {
    proxy.inventsProcesses = true;
    await begin();
    pulse.beatNow();
    await until(() => beats >= 2, "a heartbeat");
    expect(pulse.lockKey).to.equal(null);
    expect(await row()).to.include({ lock_key: null });
  });
});
