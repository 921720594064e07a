import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import { Membership } from "../../lib/runner/membership.js";
import type { Registration } from "../../lib/engine/hosts.js";
import { Engine } from "../../lib/engine/engine.js";
import { Telemetry } from "../../lib/telemetry.js";
import { Engines, registration } from "../support/engines.js";
import { until } from "../support/until.js";

const HOST = Buffer.from("a host of sixteen").toString("base64url").slice(0, 22);

describe("membership", function () {
  this.timeout(30_000);
  let test: Engines;

  before(async () => {
    test = await Engines.start();
  });

  after(() => test.stop());

  it("ends at once and for good, also while the host registers anew", async () => {
    await test.reset();
    let registrations = 0;
    let go = (): void => {};
    const slow = new Promise<void>((resolve) => {
      go = resolve;
    });
    class SlowEngine extends Engine {
      override async register(given: Registration): Promise<number> {
        registrations += 1;
        if (registrations > 1) await slow;
        return super.register(given);
      }
    }
    const membership = new Membership({
      ...registration("leaver"),
      database: test.database,
      engine: new SlowEngine(test.database, "baton", HOST),
      telemetry: new Telemetry("test"),
      onLost: () => {},
      onCapacity: () => {},
    });
    await membership.start();
    await test.sql.query("delete from baton.hosts where id = $1", [HOST]);
    membership.beatNow();
    await until(() => registrations === 2, "it to register anew");
    const start = performance.now();
    const left = membership.leave();
    await Promise.race([membership.stop(), sleep(5_000)]);
    expect(performance.now() - start).to.be.below(2_000);
    go();
    await left;
    const { rowCount } = await test.sql.query("select from baton.hosts where id = $1", [HOST]);
    expect(rowCount).to.equal(0);
  });
});
