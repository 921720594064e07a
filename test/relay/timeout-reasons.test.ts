import { expect } from "chai";
import type { Relay } from "../../lib/relay/relay.js";
import { unwrap } from "../../lib/relay/unwrap.js";
import { RelaysFixture } from "../support/relays-fixture.js";

describe("the reason of a timeout", () => {
  let fixture: RelaysFixture;

  beforeEach(() => {
    fixture = new RelaysFixture();
    fixture.table.reasons = new Map([
      ["nowhere\ndouble", "no host serves this queue"],
      ["default\nunknown", "no host has this worker"],
    ]);
  });

  afterEach(() => fixture.stop());

  function waiting(worker: string, queue: string, state: "available" | "scheduled" | "retryable" = "available"): Relay {
    const relay = fixture.inserted(worker, queue);
    fixture.table.put(relay.ref, null, state, 0);
    return relay;
  }

  it("is that no host serves the queue or has the worker, from one query for all", async () => {
    const relays = [
      waiting("double", "nowhere"),
      waiting("unknown", "default", "scheduled"),
      waiting("double", "default"),
      waiting("double", "nowhere", "retryable"),
    ];
    const one = fixture.relays.await(waiting("double", "nowhere"), 0);
    const results = [...(await fixture.relays.awaitMany(relays, 0)), await one];
    expect(results.map((result) => result.ok || result.reason)).to.deep.equal([
      "no host serves this queue",
      "no host has this worker",
      undefined,
      "no host serves this queue",
      "no host serves this queue",
    ]);
    for (const result of results) expect(result).to.include({ ok: false, error: "timeout" });
    expect(fixture.table.reasonCalls).to.have.length(1);
    expect(fixture.table.reasonCalls[0]).to.have.length(3);
  });

  it("is in the error of `call`, with what to do about it", async () => {
    const errors = await Promise.all(
      [waiting("double", "nowhere"), waiting("unknown", "default"), waiting("double", "default")].map(async (relay) => {
        const result = await fixture.relays.await(relay, 0);
        try {
          return unwrap(relay, result);
        } catch (error) {
          return (error as Error).message;
        }
      }),
    );
    expect(errors).to.deep.equal([
      'Job 1 of worker double had no outcome in time (it is available): no host serves this queue. Start one with the queue "nowhere". The job waits for it.',
      'Job 1 of worker unknown had no outcome in time (it is available): no host has this worker. Start a host of the queue "default" with the worker "unknown". The job waits for it.',
      "Job 1 of worker double had no outcome in time (it is available). It goes on.",
    ]);
  });

  it("is looked up once a second, and never for running jobs", async () => {
    expect(await fixture.relays.await(fixture.inserted("double", "nowhere"), 0)).not.to.have.property("reason");
    expect(fixture.table.reasonCalls).to.have.length(0);
    await fixture.relays.await(waiting("double", "nowhere"), 0);
    const result = await fixture.relays.await(waiting("double", "nowhere"), 0);
    expect(result).to.include({ reason: "no host serves this queue" });
    expect(fixture.table.reasonCalls).to.have.length(1);
  });

  it("is absent, a second later, if the database does not reply", async () => {
    fixture.table.reasons = undefined;
    expect(await fixture.relays.await(waiting("double", "nowhere"), 0)).to.deep.equal({
      ok: false,
      error: "timeout",
      job: { id: 1, state: "available", attempt: 0, host: "the host" },
    });
    expect(fixture.relays.openCalls).to.equal(0);
  });
});
