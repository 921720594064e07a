import { expect } from "chai";
import { DecodeError, JobNotFoundError } from "../../lib/errors.js";
import { ANSWER_KINDS, bareAnswer } from "../../lib/job/answer.js";
import type { AwaitResult } from "../../lib/relay/result.js";
import { answer, value } from "../support/answers.js";
import { Awaiting } from "../support/awaiting.js";
import { until } from "../support/until.js";

const DAMAGED = { ...value(0), bytes: Buffer.from("{") };

describe("what only a notification says", () => {
  let room: Awaiting;

  beforeEach(() => {
    room = new Awaiting();
  });

  afterEach(() => {
    expect(room.mailbox.awaited, "refs still awaited").to.equal(0);
    room.stop();
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
    it(`ends no await with ${what} while the row says that the job runs`, async () => {
      const relay = room.inserted();
      const calls = [false, true].map((withRetries) =>
        room.awaiter.awaitOne(relay, { timeout: Infinity, withRetries }),
      );
      await room.notify(relay, forged);
      await until(() => room.table.calls.length > 0 && room.reconciler.pending === 0, "a look at the row");
      room.table.put(relay.ref, value(4));
      await room.notify(relay, value(4));
      for (const result of await Promise.all(calls)) expect(result).to.include({ ok: true, value: 4, via: "notify" });
    });
  }

  it("is looked up where its envelope is malformed, and where it says what the row has too", async () => {
    const relay = room.inserted();
    const open = room.awaiter.awaitOne(relay, Infinity);
    room.table.put(relay.ref, answer(ANSWER_KINDS.exhausted, { error: "mine" }), "discarded", 3);
    await room.send(`R1${relay.ref}?-`);
    const result = await open;
    expect(errorOf(result)).to.have.property("message", "mine");
    expect(result).to.deep.include({ via: "notify", job: { id: 1, state: "discarded", attempt: 3, host: "the host" } });
    expect(room.telemetry.counts()).to.deep.equal({ "envelope:unknown": 1 });
  });

  it("is believed of an earlier attempt that the row has moved on from: the first outcome stays the first", async () => {
    const relay = room.inserted();
    const first = room.awaiter.awaitOne(relay, Infinity);
    const final = room.awaiter.awaitOne(relay, { timeout: Infinity, withRetries: true });
    room.table.put(relay.ref, value(4), "completed", 2);
    await room.notify(relay, answer(ANSWER_KINDS.failed, { error: "attempt 1" }));
    expect(errorOf(await first)).to.have.property("message", "attempt 1");
    expect(await final).to.include({ ok: true, value: 4 });
  });

  it("is not overtaken by a success that comes before the row was read", async () => {
    for (const pause of [() => Promise.resolve(), () => until(() => room.table.calls.length > 0, "a look")]) {
      const relay = room.inserted();
      const first = room.awaiter.awaitOne(relay, Infinity);
      room.table.put(relay.ref, answer(ANSWER_KINDS.failed, { error: "attempt 1" }), "retryable", 1);
      room.table.takes = 50;
      await room.notify(relay, answer(ANSWER_KINDS.failed, { error: "attempt 1" }));
      await pause();
      room.table.put(relay.ref, value(4), "completed", 2);
      await room.notify(relay, value(4));
      expect(errorOf(await first)).to.have.property("message", "attempt 1");
      expect(await room.awaiter.awaitOne(relay, { withRetries: true })).to.include({ ok: true, value: 4 });
    }
  });

  it("is not believed of an earlier attempt where it cannot be decoded", async () => {
    const relay = room.inserted();
    const first = room.awaiter.awaitOne(relay, Infinity);
    room.table.put(relay.ref, value(4), "completed", 2);
    await room.notify(relay, answer(ANSWER_KINDS.failed, "no error"));
    expect(await first).to.include({ ok: true, value: 4 });
  });

  it("is forgotten where it cannot be decoded, also before anybody awaits it", async () => {
    const relay = room.inserted();
    await room.notify(relay, DAMAGED);
    room.table.put(relay.ref, value(4));
    expect(await room.awaiter.awaitOne(relay, Infinity)).to.include({ ok: true, value: 4 });
    expect(await room.awaiter.awaitOne(relay, Infinity)).to.include({ ok: true, value: 4 });
  });

  it("ends the await with DecodeError where the row cannot be decoded either", async () => {
    const relay = room.inserted();
    const open = room.awaiter.awaitOne(relay, Infinity);
    const failed = answer(ANSWER_KINDS.failed, "no error");
    room.table.put(relay.ref, failed);
    await room.notify(relay, failed);
    expect(errorOf(await open)).to.be.instanceOf(DecodeError);
  });

  it("says that a row is gone by way of the row", async () => {
    const relay = room.inserted();
    const open = room.awaiter.awaitOne(relay, Infinity);
    room.table.delete(relay.ref);
    await room.notify(relay, answer(ANSWER_KINDS.failed, { error: "forged" }));
    expect(errorOf(await open)).to.be.instanceOf(JobNotFoundError);
  });

  it("costs no look where nobody can have use of it", async () => {
    const relay = room.inserted();
    room.table.put(relay.ref, value(4));
    await room.notify(relay, value(4));
    for (const late of [answer(ANSWER_KINDS.failed, { error: "late" }), bareAnswer(ANSWER_KINDS.tooLarge)]) {
      await room.notify(relay, late);
    }
    expect(await room.awaiter.awaitOne(relay)).to.include({ ok: true, value: 4, via: "notify" });
    expect(room.table.calls).to.deep.equal([]);
    expect(room.telemetry.counts()).to.deep.equal({ "envelope:repeated": 2 });
  });
});
