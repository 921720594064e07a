import { expect } from "chai";
import { unpack } from "../../../lib/codec/codec.js";
import { Isolation } from "../../../lib/runner/threads/isolation.js";
import { Telemetry } from "../../../lib/telemetry.js";
import { claimedJob, testModule } from "../../support/claimed.js";
import { noise } from "../../workers/sizes.js";

describe("A job in a process of its own", () => {
  it("returns a large result whole, under the limit of its worker", async () => {
    const isolation = new Isolation(8_192, new Telemetry("test"));
    const ended = await isolation.run(claimedJob("roomy", { size: 5_000_000 }), testModule("sizes.js"));
    if (!("run" in ended)) throw new Error("Its process died");
    const { outcome } = ended.run;
    if (outcome.type !== "completed" || outcome.result === null) throw new Error(`It came to ${outcome.type}`);
    const value = unpack(outcome.result.encoding, outcome.result.bytes);
    expect((value as Buffer).equals(noise(5_000_000))).to.equal(true);
  });
});
