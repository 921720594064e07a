import { expect } from "chai";
import { createDatabase, type TestDatabase } from "../support/database.js";
import { FaultyProxy } from "../support/faulty-proxy.js";
import { Hosts } from "../support/hosts.js";
import { noise, roomy } from "../workers/sizes.js";

const SIZE = 6_000_000;

describe("large results over a slow line", () => {
  let database: TestDatabase;
  let proxy: FaultyProxy;
  let near: Hosts;
  let far: Hosts;

  before(async () => {
    database = await createDatabase();
    proxy = new FaultyProxy(database.url);
    far = new Hosts(await proxy.start());
    near = new Hosts(database.url);
  });

  afterEach(async () => {
    proxy.rate = Number.POSITIVE_INFINITY;
    await Promise.all([near.stop(), far.stop()]);
  });

  after(async () => {
    await proxy.stop();
    await database.drop();
  });

  for (const end of ["caller", "host"] as const) {
    it(`arrive with no connection cut: the ${end} is at the far end`, async () => {
      const caller = await (end === "caller" ? far : near).start();
      const host = await (end === "host" ? far : near).start({ queues: { default: 1 } });
      proxy.rate = 1_500_000;
      const value = await caller.call(roomy.new({ size: SIZE }), 60_000);
      expect(value.equals(noise(SIZE))).to.equal(true);
      for (const { events } of [caller.status(), host.status()]) {
        expect(events).to.not.have.any.keys("service:error", "notifier:connection", "claim:lost");
      }
    }).timeout(90_000);
  }
});
