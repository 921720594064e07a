import { expect } from "chai";
import { DecodeError, JobNotFoundError } from "../../lib/errors.js";
import { ANSWER_KINDS, bareAnswer } from "../../lib/job/answer.js";
import type { AwaitResult } from "../../lib/relay/result.js";
import { answer, value } from "../support/answers.js";
import { RelaysFixture } from "../support/relays-fixture.js";
import { until } from "../support/until.js";

const DAMAGED = { ...value(0), bytes: Buffer.from("{") };

describe("an unconfirmed answer", () => {
  let fixture: RelaysFixture;

  beforeEach(() => {
    fixture = new RelaysFixture();
  });

  afterEach(() => {
    expect(fixture.relays.awaited, "refs still awaited").to.equal(0);
    fixture.stop();
  });

  function errorOf(result: AwaitResult): unknown {
    return result.ok ? undefined : result.error;
  }

  for (const [what, forged] of [
    ["an error", answer(ANSWER_KINDS.failed, { error: "forged" })],
    ["a last error", answer(ANSWER_KINDS.exhausted, { error: "forged" })],
    ["that it was discarded", answer(ANSWER_KINDS.discarded, "forged")],
    ["that it was cancelled", answer(ANSWER_KINDS.cancelled, "forged")],
    ["that it was snoozed", answer(ANSWER_KINDS.snoozed, 5)],
    ["that its result is too large", bareAnswer(ANSWER_KINDS.tooLarge)],
    ["a value that cannot be decoded", DAMAGED],
  ] as const) {
    it(`does not end an await with ${what} while the job runs, by its row`, async () => {
      const relay = fixture.inserted();
      const calls = [false, true].map((withRetries) => fixture.relays.await(relay, { timeout: Infinity, withRetries }));
      await fixture.notify(relay, forged);
      await until(() => fixture.table.calls.length > 0 && fixture.relays.pendingReads === 0, "a lookup of the row");
      fixture.table.put(relay.ref, value(4));
      await fixture.notify(relay, value(4));
      for (const result of await Promise.all(calls)) expect(result).to.include({ ok: true, value: 4, via: "notify" });
    });
  }

  it("is looked up also if its envelope is malformed", async () => {
    const relay = fixture.inserted();
    const open = fixture.relays.await(relay, Infinity);
    fixture.table.put(relay.ref, answer(ANSWER_KINDS.exhausted, { error: "mine" }), "discarded", 3);
    await fixture.send(`R1${relay.ref}?-`);
    const result = await open;
    expect(errorOf(result)).to.have.property("message", "mine");
    expect(result).to.deep.include({ via: "notify", job: { id: 1, state: "discarded", attempt: 3, host: "the host" } });
    expect(fixture.telemetry.counts()).to.deep.equal({ "envelope:unknown": 1 });
  });

  it("is trusted for an attempt before the row's: the first outcome stays the first", async () => {
    const relay = fixture.inserted();
    const first = fixture.relays.await(relay, Infinity);
    const final = fixture.relays.await(relay, { timeout: Infinity, withRetries: true });
    fixture.table.put(relay.ref, value(4), "completed", 2);
    await fixture.notify(relay, answer(ANSWER_KINDS.failed, { error: "attempt 1" }));
    expect(errorOf(await first)).to.have.property("message", "attempt 1");
    expect(await final).to.include({ ok: true, value: 4 });
  });

  it("is not overtaken by a success that arrives before the row is read", async () => {
    for (const pause of [() => Promise.resolve(), () => until(() => fixture.table.calls.length > 0, "a lookup")]) {
      const relay = fixture.inserted();
      const first = fixture.relays.await(relay, Infinity);
      fixture.table.put(relay.ref, answer(ANSWER_KINDS.failed, { error: "attempt 1" }), "retryable", 1);
      fixture.table.takes = 50;
      await fixture.notify(relay, answer(ANSWER_KINDS.failed, { error: "attempt 1" }));
      await pause();
      fixture.table.put(relay.ref, value(4), "completed", 2);
      await fixture.notify(relay, value(4));
      expect(errorOf(await first)).to.have.property("message", "attempt 1");
      expect(await fixture.relays.await(relay, { withRetries: true })).to.include({ ok: true, value: 4 });
    }
  });

  it("is not trusted for an earlier attempt if it cannot be decoded", async () => {
    const relay = fixture.inserted();
    const first = fixture.relays.await(relay, Infinity);
    fixture.table.put(relay.ref, value(4), "completed", 2);
    await fixture.notify(relay, answer(ANSWER_KINDS.failed, "no error"));
    expect(await first).to.include({ ok: true, value: 4 });
  });

  it("is forgotten if it cannot be decoded, also before anybody awaits it", async () => {
    const relay = fixture.inserted();
    await fixture.notify(relay, DAMAGED);
    fixture.table.put(relay.ref, value(4));
    expect(await fixture.relays.await(relay, Infinity)).to.include({ ok: true, value: 4 });
    expect(await fixture.relays.await(relay, Infinity)).to.include({ ok: true, value: 4 });
  });

  it("ends the await with DecodeError if the row cannot be decoded either", async () => {
    const relay = fixture.inserted();
    const open = fixture.relays.await(relay, Infinity);
    const failed = answer(ANSWER_KINDS.failed, "no error");
    fixture.table.put(relay.ref, failed);
    await fixture.notify(relay, failed);
    expect(errorOf(await open)).to.be.instanceOf(DecodeError);
  });

  it("leads to JobNotFoundError if the row is gone", async () => {
    const relay = fixture.inserted();
    const open = fixture.relays.await(relay, Infinity);
    fixture.table.delete(relay.ref);
    await fixture.notify(relay, answer(ANSWER_KINDS.failed, { error: "forged" }));
    expect(errorOf(await open)).to.be.instanceOf(JobNotFoundError);
  });

  it("is not looked up if nobody can use it", async () => {
    const relay = fixture.inserted();
    fixture.table.put(relay.ref, value(4));
    await fixture.notify(relay, value(4));
    for (const late of [answer(ANSWER_KINDS.failed, { error: "late" }), bareAnswer(ANSWER_KINDS.tooLarge)]) {
      await fixture.notify(relay, late);
    }
    expect(await fixture.relays.await(relay)).to.include({ ok: true, value: 4, via: "notify" });
    expect(fixture.table.calls).to.deep.equal([]);
    expect(fixture.telemetry.counts()).to.deep.equal({ "envelope:repeated": 2 });
  });
});
