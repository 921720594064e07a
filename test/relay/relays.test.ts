import { expect } from "chai";
import { InvalidOptionError, InvalidRelayError, JobNotFoundError, StoppedError } from "../../lib/errors.js";
import { ANSWER_KINDS } from "../../lib/job/answer.js";
import { newRef, type Relay } from "../../lib/relay/relay.js";
import type { Relays } from "../../lib/relay/relays.js";
import { answer, type MemoryAnswers, value } from "../support/answers.js";
import { RelaysFixture } from "../support/relays-fixture.js";

describe("awaiting", () => {
  let fixture: RelaysFixture;
  let relays: Relays;
  let table: MemoryAnswers;

  beforeEach(() => {
    fixture = new RelaysFixture();
    ({ relays, table } = fixture);
  });

  afterEach(() => {
    expect(relays.awaited, "refs still awaited").to.equal(0);
    expect(relays.openCalls, "calls still open").to.equal(0);
    fixture.stop();
  });

  it("returns the same value before and after completion, any number of times", async () => {
    const relay = fixture.inserted();
    const before = relays.awaitMany([relay]);
    await fixture.complete(relay, value(4));
    const [result] = await before;
    expect(result).to.deep.include({ ok: true, value: 4, via: "notify" });
    expect(await relays.awaitMany([relay])).to.deep.equal([result]);
    expect(table.calls, "nothing was looked up").to.deep.equal([]);
  });

  it("decodes a value of its own for each awaiter", async () => {
    const relay = fixture.inserted();
    await fixture.complete(relay, value({ list: [1] }));
    const [one, two] = await relays.awaitMany([relay, relay]);
    if (one?.ok !== true || two?.ok !== true) throw new Error("no values");
    expect(one.value).to.deep.equal({ list: [1] });
    expect(one.value).to.not.equal(two.value);
  });

  it("keeps order and length; an empty list and a relay twice are fine", async () => {
    expect(await relays.awaitMany([])).to.deep.equal([]);
    const pair = [fixture.inserted(), fixture.inserted()] as const;
    const both = relays.awaitMany([pair[1], pair[0], pair[1]]);
    await fixture.complete(pair[0], value("first"));
    await fixture.complete(pair[1], value("second"));
    expect((await both).map((result) => result.ok && result.value)).to.deep.equal(["second", "first", "second"]);
  });

  it("has one deadline for all: results in time keep their values, the others tell the job's state", async () => {
    const pair = [fixture.inserted(), fixture.inserted()] as const;
    await fixture.complete(pair[0], value(4));
    const [done, late] = await relays.awaitMany(pair, 20);
    expect(done).to.deep.include({ ok: true, value: 4 });
    expect(late).to.deep.equal({
      ok: false,
      error: "timeout",
      job: { id: 1, state: "executing", attempt: 1, host: "the host" },
    });
  });

  it("never calls a stored result a timeout", async () => {
    const relay = fixture.inserted();
    table.put(relay.ref, value(4));
    expect((await relays.awaitMany([relay], 0))[0]).to.deep.include({ ok: true, value: 4, via: "reconcile" });
  });

  it("ends in time though the database does not reply", async () => {
    const relay = fixture.inserted();
    table.hangs = true;
    expect(await relays.awaitMany([relay], 10)).to.deep.equal([{ ok: false, error: "timeout", job: { id: 1 } }]);
  });

  it("looks up a relay without a slot, and subscribes", async () => {
    const relay = fixture.foreign();
    table.put(relay.ref, value(4));
    expect((await relays.awaitMany([relay], Infinity))[0]).to.deep.include({ ok: true, value: 4, via: "reconcile" });
    expect(table.calls).to.deep.equal([{ refs: [relay.ref], subscribe: true }]);
  });

  it("ends at once if the row is gone", async () => {
    const relay = fixture.foreign();
    const [result] = await relays.awaitMany([relay], Infinity);
    expect(result?.ok === false && result.error).to.be.instanceOf(JobNotFoundError);
    expect(relays.status().held).to.equal(0);
  });

  it("ends at once if the row is gone and the slot is old", async () => {
    fixture.stop();
    fixture = new RelaysFixture({ overdue: -1 });
    ({ relays, table } = fixture);
    const relay = fixture.inserted();
    table.delete(relay.ref);
    const [result] = await relays.awaitMany([relay], Infinity);
    expect(result?.ok === false && result.error).to.be.instanceOf(JobNotFoundError);
  });

  it("finds unnotified results when listening is restored", async () => {
    const relay = fixture.inserted();
    const open = relays.awaitMany([relay], Infinity);
    table.put(relay.ref, value(4));
    fixture.notifier.setMode("notify");
    expect((await open)[0]).to.deep.include({ ok: true, value: 4, via: "reconcile" });
    // The event comes after the last delivery.
    await new Promise(setImmediate);
    expect(fixture.telemetry.counts()).to.deep.include({ reconcile: 1 });
  });

  it("polls while notifications do not arrive", async () => {
    fixture.notifier.setMode("polling");
    const relay = fixture.inserted();
    const open = relays.awaitMany([relay], Infinity);
    await fixture.complete(relay, value(4));
    expect((await open)[0]).to.deep.include({ ok: true, value: 4, via: "reconcile" });
  });

  it("reads a result that did not fit into its notification", async () => {
    const relay = fixture.inserted();
    const large = value("x".repeat(6_000));
    const open = relays.awaitMany([relay], Infinity);
    await fixture.complete(relay, large);
    expect((await open)[0]).to.deep.include({ ok: true, value: "x".repeat(6_000), via: "notify" });
    expect(table.calls).to.deep.equal([{ refs: [relay.ref], subscribe: false }]);
  });

  it("returns the first outcome, or the final one with retries; neither changes afterwards", async () => {
    const relay = fixture.inserted();
    const first = relays.awaitMany([relay], Infinity);
    const final = relays.awaitMany([relay], { timeout: Infinity, withRetries: true });
    await fixture.complete(relay, answer(ANSWER_KINDS.failed, { error: "not yet" }));
    const [failed] = await first;
    expect(failed?.ok === false && (failed.error as Error).message).to.equal("not yet");
    await fixture.complete(relay, value(4));
    expect((await final)[0]).to.deep.include({ ok: true, value: 4 });
    const [again] = await relays.awaitMany([relay]);
    expect(again?.ok === false && (again.error as Error).message).to.equal("not yet");
  });

  for (const [kind, of, expected] of [
    [ANSWER_KINDS.discarded, "no use", { error: "discarded", reason: "no use" }],
    [ANSWER_KINDS.cancelled, "enough", { error: "cancelled", reason: "enough" }],
    [ANSWER_KINDS.snoozed, 30, { error: "snoozed", seconds: 30 }],
    [ANSWER_KINDS.tooLarge, null, { error: "result_too_large" }],
    [ANSWER_KINDS.tooLarge, [9_000, 8_192], { error: "result_too_large", size: 9_000, limit: 8_192 }],
    [ANSWER_KINDS.tooLarge, ["much", {}], { error: "result_too_large" }],
  ] as const) {
    it(`returns ${expected.error} with its details`, async () => {
      const relay = fixture.inserted();
      await fixture.complete(relay, answer(kind, of));
      expect((await relays.awaitMany([relay]))[0]).to.deep.include({ ok: false, ...expected });
    });
  }

  it("returns an error for a value that cannot be decoded", async () => {
    const relay = fixture.inserted();
    await fixture.complete(relay, { kind: ANSWER_KINDS.value, encoding: "b", bytes: Buffer.from("{") });
    const [result] = await relays.awaitMany([relay]);
    expect(result?.ok === false && result.error).to.be.instanceOf(Error);
  });

  it("counts and ignores payloads that are unknown or not awaited", async () => {
    const relay = fixture.inserted();
    for (const payload of ["", "junk", "x".repeat(7_999), `R2${relay.ref}o-`, `R1${relay.ref}?-`, `R1${newRef()}o-`]) {
      await fixture.send(payload);
    }
    expect(fixture.telemetry.counts()).to.deep.equal({ "envelope:unknown": 5, "envelope:unawaited": 1 });
    expect(await relays.await(relay, 0)).to.deep.include({ ok: false, error: "timeout" });
    expect(relays.status()).to.deep.equal({ awaited: 0, held: 1 });
  });

  it("rejects with the reason of its signal, before and during", async () => {
    const relay = fixture.inserted();
    const reason = new Error("no longer wanted");
    const controller = new AbortController();
    const open = relays.awaitMany([relay], { signal: controller.signal });
    controller.abort(reason);
    for (const call of [open, relays.awaitMany([relay], { signal: controller.signal })]) {
      expect(await call.catch((error: unknown) => error)).to.equal(reason);
    }
  });

  it("rejects every open call when it is stopped", async () => {
    const relay = fixture.inserted();
    const open = relays.awaitMany([relay], Infinity);
    relays.stop(new StoppedError("await"));
    expect(await open.catch((error: unknown) => error)).to.be.instanceOf(StoppedError);
  });

  for (const [what, options, says] of [
    ["a negative timeout", -1, /0 or more/],
    ["NaN", Number.NaN, /0 or more/],
    ["a timeout as text", { timeout: "5" as never }, /0 or more/],
    ["an unknown option", { retries: true } as never, /retries of await is unknown/],
    ["a signal that is none", { signal: {} as never }, /AbortSignal/],
  ] as const) {
    it(`refuses ${what}`, async () => {
      const error = await relays.awaitMany([fixture.inserted()], options).catch((failure: unknown) => failure);
      expect(error).to.be.instanceOf(InvalidOptionError);
      expect((error as Error).message).to.match(says);
    });
  }

  it("refuses a value that is not a relay", async () => {
    const error = await relays.awaitMany([{} as Relay]).catch((failure: unknown) => failure);
    expect(error).to.be.instanceOf(InvalidRelayError);
  });
});
