import { expect } from "chai";
import { Engines } from "../support/engines.js";
import { until } from "../support/until.js";
import { PulseRig } from "./pulse-rig.js";

describe("a host's heartbeat, when one fault follows another", function () {
  this.timeout(60_000);
  let test: Engines;
  let rig: PulseRig;

  before(async () => {
    test = await Engines.start();
  });

  after(() => test.stop());

  beforeEach(async () => {
    rig = await PulseRig.start(test);
    await rig.begin();
  });

  afterEach(() => rig.stop());

  it("continues when its connection swallows bytes and the server has no room for another at first", async () => {
    rig.proxy.numb();
    rig.proxy.full = true;
    rig.pulse.beatNow();
    await until(() => !rig.pulse.fresh, "it to be stale");
    rig.proxy.full = false;
    await rig.beaten();
  });

  it("continues when the successor swallows bytes too, at each of its statements", async () => {
    for (const statement of ["pg_stat_get_activity", "set beat = beat + 1", "pg_advisory_lock"]) {
      rig.proxy.numb();
      rig.proxy.numbAt = statement;
      rig.pulse.beatNow();
      await until(() => rig.proxy.numbAt === null, `${statement} to be swallowed`);
      await rig.beaten();
    }
  });

  it("goes over the pool, without a lock, while the server has no room for its own connection", async () => {
    rig.proxy.full = true;
    await test.sql.query(
      `select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and pid <> pg_backend_pid()
       and database = (select oid from pg_database where datname = current_database())`,
    );
    await until(async () => (await rig.row())?.lock_key === null, "a heartbeat over the pool", 1_000);
    const before = (await rig.row())?.beat ?? 0;
    await until(async () => ((await rig.row())?.beat ?? 0) > before, "another one");
    expect(rig.pulse.fresh).to.equal(true);
    rig.proxy.full = false;
    await rig.beaten();
  });

  it("stops at once while a connection opens, and leaves none behind", async () => {
    rig.proxy.swallow();
    rig.pulse.beatNow();
    await until(() => !rig.pulse.fresh, "it to be stale");
    const start = performance.now();
    await rig.pulse.stop();
    await rig.database.stop();
    await until(() => rig.proxy.lines === 0, "its connections to be closed", 2_000);
    expect(performance.now() - start).to.be.below(4_000);
  });
});
