import { expect } from "chai";
import { Engines } from "../support/engines.js";
import { until } from "../support/until.js";
import { PulseRig } from "./pulse-rig.js";

describe("a host's heartbeat", () => {
  let test: Engines;
  let rig: PulseRig;

  before(async () => {
    test = await Engines.start();
  });

  after(() => test.stop());

  beforeEach(async () => {
    rig = await PulseRig.start(test);
  });

  afterEach(() => rig.stop());

  it("raises a number and holds a lock that nobody else can take", async () => {
    await rig.begin();
    rig.pulse.beatNow();
    await until(async () => (await rig.row())?.beat === 1, "a heartbeat");
    expect(rig.pulse.fresh).to.equal(true);
    await until(() => rig.pulse.beat === 1, "its answer");
    expect(await rig.row()).to.include({ lock_key: rig.pulse.lockKey, free: false });
  });

  it("continues over another connection when its own is terminated, under a greater key", async () => {
    await rig.begin();
    const first = BigInt(rig.pulse.lockKey ?? 0);
    rig.pulse.beatNow();
    await until(() => rig.beats >= 2, "a heartbeat");
    const [before] = await rig.backends();
    await test.sql.query("select pg_terminate_backend($1)", [before]);
    await until(async () => BigInt((await rig.row())?.lock_key ?? first) > first, "the new key");
    expect(await rig.row()).to.include({ lock_key: rig.pulse.lockKey, free: false });
    expect(await rig.backends()).to.not.include(before);
  });

  it("continues over another connection when its own swallows bytes", async () => {
    await rig.begin();
    const first = rig.pulse.lockKey;
    rig.proxy.numb();
    rig.pulse.beatNow();
    await until(async () => ((await rig.row())?.lock_key ?? first) !== first, "the new key", 10_000);
    expect(rig.pulse.fresh).to.equal(true);
  });

  it("is not fresh while the database is silent, and is fresh again soon after", async () => {
    await rig.begin();
    rig.proxy.swallow();
    await until(() => !rig.pulse.fresh, "it to be stale", 10_000);
    const before = rig.beats;
    rig.proxy.heal();
    await until(() => rig.pulse.fresh && rig.beats > before, "a heartbeat", 10_000);
  });

  it("waits for a lock on the table of hosts without piling up connections", async () => {
    await rig.begin();
    await test.sql.query("begin; lock table baton.hosts in access exclusive mode");
    rig.pulse.beatNow();
    await until(() => !rig.pulse.fresh, "it to be stale", 15_000);
    expect((await rig.backends()).length).to.be.at.most(2);
    await test.sql.query("commit");
    const before = rig.beats;
    await until(() => rig.pulse.fresh && rig.beats > before, "a heartbeat", 10_000);
  });

  it("reports when its host is not registered any more", async () => {
    await rig.begin();
    await test.sql.query("delete from baton.hosts");
    rig.pulse.beatNow();
    await until(() => rig.missing > 0, "the report");
  });

  it("has no lock behind a pooler, whose sessions are not its own", async () => {
    rig.proxy.inventsProcesses = true;
    await rig.begin();
    rig.pulse.beatNow();
    await until(() => rig.beats >= 2, "a heartbeat");
    expect(rig.pulse.lockKey).to.equal(null);
    expect(await rig.row()).to.include({ lock_key: null });
  });
});
