import { expect } from "chai";
import type { Relay } from "../../lib/relay/relay.js";
import type { AwaitResult } from "../../lib/relay/result.js";
import { value } from "../support/answers.js";
import { RelaysFixture } from "../support/relays-fixture.js";
import { until } from "../support/until.js";

const MANY = 100_000;

describe("the lookup that an await makes at its deadline", () => {
  let fixture: RelaysFixture;

  beforeEach(() => {
    fixture = new RelaysFixture({ patience: { rows: 1_000, large: 2_000 } });
  });

  afterEach(() => {
    expect(fixture.relays.openCalls, "calls still open").to.equal(0);
    expect(fixture.relays.awaited, "refs still awaited").to.equal(0);
    fixture.stop();
  });

  /** Relays whose results are stored, and were never notified. */
  function stored(count: number): Relay[] {
    return Array.from({ length: count }, (_, number) => {
      const relay = fixture.inserted();
      fixture.table.put(relay.ref, value(number));
      return relay;
    });
  }

  function timeouts(results: readonly AwaitResult[]): number {
    return results.filter((result) => !result.ok).length;
  }

  it("finds all 100,000 results of one call, though that takes seconds", async () => {
    fixture.table.takes = 20;
    const results = await fixture.relays.awaitMany(stored(MANY), 0);
    expect(results).to.have.length(MANY);
    expect(timeouts(results)).to.equal(0);
  });

  it("finds the results of 100,000 calls with the same deadline, in chunks", async () => {
    fixture.table.takes = 20;
    const results = await Promise.all(stored(MANY).map((relay) => fixture.relays.await(relay, 900)));
    expect(timeouts(results)).to.equal(0);
    expect(Math.max(...fixture.table.calls.map(({ refs }) => refs.length))).to.equal(1_000);
  });

  it("ends a second after the last reply of the database", async () => {
    fixture.table.takes = 20;
    const start = performance.now();
    const open = fixture.relays.awaitMany(stored(50_000), 0);
    await until(() => fixture.table.calls.length >= 3, "some chunks");
    fixture.table.hangs = true;
    const results = await open;
    expect(timeouts(results)).to.be.within(1, 49_999);
    expect(performance.now() - start).to.be.above(1_000);
    expect(fixture.relays.pendingReads, "the statement that hangs").to.be.at.most(1_000);
  });

  it("waits for a large answer for as long as parts of it arrive", async () => {
    fixture.table.inline = 100;
    let arrive: () => void = () => {};
    fixture.table.gate = new Promise((resolve) => {
      arrive = resolve;
    });
    const relay = fixture.inserted();
    fixture.table.put(relay.ref, value("x".repeat(1_000)));
    const open = fixture.relays.await(relay, 0);
    await until(() => fixture.table.largeCalls.length === 1, "it to be asked for");
    const parts = setInterval(() => fixture.table.progress(), 200);
    setTimeout(() => arrive(), 4_000);
    const result = await open;
    clearInterval(parts);
    expect(result).to.include({ ok: true });
  });

  it("ends when a large answer stops arriving", async () => {
    fixture.table.inline = 100;
    fixture.table.gate = new Promise(() => {});
    const relay = fixture.inserted();
    fixture.table.put(relay.ref, value("x".repeat(1_000)));
    expect(await fixture.relays.await(relay, 0)).to.include({ ok: false, error: "timeout" });
  });

  it("keeps nothing of awaits that end while the database is away", async () => {
    fixture.table.hangs = true;
    for (let round = 0; round < 5; round += 1) {
      const foreign = Array.from({ length: 2_000 }, () => {
        const relay = fixture.inserted();
        fixture.relays.close(relay.ref);
        return relay;
      });
      const own = Array.from({ length: 2_000 }, () => fixture.inserted());
      const results = await Promise.all([...foreign, ...own].map((relay) => fixture.relays.await(relay, 1)));
      expect(timeouts(results)).to.equal(4_000);
      // One statement for rows and one for subscriptions are under way.
      expect(fixture.relays.pendingReads).to.be.at.most(2_000);
    }
  });

  it("keeps nothing of ended calls for a ref that another call still awaits", async () => {
    fixture.table.hangs = true;
    const relay = fixture.inserted();
    const stop = new AbortController();
    const open = fixture.relays.await(relay, { timeout: Infinity, signal: stop.signal });
    await fixture.relays.await(relay, 0);
    await fixture.relays.await(relay, 0);
    expect(fixture.relays.pendingReads).to.be.at.most(2);
    stop.abort(new Error("enough"));
    expect(await open.catch((error: Error) => error.message)).to.equal("enough");
    expect(fixture.relays.pendingReads).to.equal(0);
  });
});
