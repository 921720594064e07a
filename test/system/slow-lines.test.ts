import { expect } from "chai";
import type { FaultyProxy } from "../support/faulty-proxy.js";
import type { Hosts } from "../support/hosts.js";
import { useSystem } from "../support/system.js";
import { noise, roomy } from "../workers/sizes.js";

const SIZE = 6_000_000;

describe("large results over a slow line", () => {
  const system = useSystem("suite, with resets");
  const near = system.hosts;
  let proxy: FaultyProxy;
  let far: Hosts;

  before(async () => {
    ({ proxy, hosts: far } = await system.openProxy());
  });

  for (const end of ["caller", "host"] as const) {
    it(`arrive without a cut connection, with the ${end} at the far end`, async () => {
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
