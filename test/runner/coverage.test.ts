import { expect } from "chai";
import { Coverage } from "../../lib/runner/coverage.js";
import type { Unserved } from "../../lib/engine/unserved.js";
import { Telemetry } from "../../lib/telemetry.js";
import { until } from "../support/until.js";

describe("coverage", () => {
  it("reports a pair of queue and worker once, until it is served again", async () => {
    const telemetry = new Telemetry("test");
    const pair: Unserved = { queue: "a", worker: "b", reason: "no host has this worker" };
    let found: Unserved[] = [pair];
    let looks = 0;
    const unservedNow = async () => {
      looks += 1;
      return found;
    };
    const coverage = new Coverage({ unservedNow }, telemetry, 5);
    coverage.start();
    const look = async () => {
      const before = looks;
      await until(() => looks > before + 1, "two looks");
    };
    await look();
    expect(coverage.unserved).to.deep.equal([pair]);
    expect(telemetry.counts()["queue:unserved"]).to.equal(1);
    found = [];
    await look();
    expect(coverage.unserved).to.deep.equal([]);
    found = [pair];
    await look();
    await coverage.stop();
    expect(telemetry.counts()["queue:unserved"]).to.equal(2);
  });
});
