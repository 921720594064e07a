import { expect } from "chai";
import { InvalidOptionError, InvalidRelayError, JobNotFoundError, StoppedError } from "../../lib/errors.js";
import { ANSWER_KINDS } from "../../lib/job/answer.js";
import { MemoryNotifier } from "../support/memory-notifier.js";
import { Awaiter } from "../../lib/relay/awaiter.js";
import { Dispatcher } from "../../lib/relay/dispatcher.js";
import { formatEnvelope } from "../../lib/relay/envelope.js";
import { Mailbox } from "../../lib/relay/mailbox.js";
import { Reasons } from "../../lib/relay/reasons.js";
import { Reconciler } from "../../lib/relay/reconciler.js";
import { makeRelay, newRef, type Relay } from "../../lib/relay/relay.js";
import { Telemetry } from "../../lib/telemetry.js";
import { answer, decodeJson, MemoryAnswers, value } from "../support/answers.js";

const CHANNEL = "relay";

describe("awaiting", () => {
  let notifier: MemoryNotifier;
  let table: MemoryAnswers;
  let telemetry: Telemetry;
  let mailbox: Mailbox;
  let reconciler: Reconciler;
  let awaiter: Awaiter;

  beforeEach(async () => {
    notifier = new MemoryNotifier();
    table = new MemoryAnswers();
    telemetry = new Telemetry("test");
    mailbox = new Mailbox(telemetry);
    reconciler = new Reconciler(mailbox, table, notifier, telemetry);
    awaiter = new Awaiter({ mailbox, reconciler, reasons: new Reasons(table, telemetry), decode: decodeJson });
    const dispatcher = new Dispatcher(mailbox, reconciler, telemetry);
    await notifier.listen(CHANNEL, (payload) => dispatcher.receive(payload));
  });

  afterEach(() => {
    expect(mailbox.awaited, "refs still awaited").to.equal(0);
    expect(awaiter.open, "calls still open").to.equal(0);
    reconciler.stop();
  });

  /** A relay as `async` makes it: with a slot, and a row that runs. */
  function inserted(): Relay {
    const relay = makeRelay({ id: 1, worker: "double", queue: "default" }, "host", newRef());
    mailbox.open(relay.ref);
    table.put(relay.ref, null, "executing");
    return relay;
  }

  function notify(relay: Relay, of = value(4)): Promise<void> {
    table.put(relay.ref, of);
    return notifier.notify(CHANNEL, formatEnvelope(relay.ref, of));
  }

  it("before, and after completion gives the same value, as often as one asks", async () => {
    const relay = inserted();
    const before = awaiter.awaitMany([relay]);
    await notify(relay);
    const [result] = await before;
    expect(result).to.deep.include({ ok: true, value: 4, via: "notify" });
    expect(await awaiter.awaitMany([relay])).to.deep.equal([result]);
    expect(table.calls, "the table was not asked").to.deep.equal([]);
  });

  it("gives each awaiter a value of its own", async () => {
    const relay = inserted();
    await notify(relay, value({ list: [1] }));
    const [one, two] = await awaiter.awaitMany([relay, relay]);
    if (one?.ok !== true || two?.ok !== true) throw new Error("no values");
    expect(one.value).to.deep.equal({ list: [1] });
    expect(one.value).to.not.equal(two.value);
  });

  it("keeps order and length; an empty list and a relay twice are fine", async () => {
    expect(await awaiter.awaitMany([])).to.deep.equal([]);
    const relays = [inserted(), inserted()] as const;
    const both = awaiter.awaitMany([relays[1], relays[0], relays[1]]);
    await notify(relays[0], value("first"));
    await notify(relays[1], value("second"));
    expect((await both).map((result) => result.ok && result.value)).to.deep.equal(["second", "first", "second"]);
  });

  it("has one deadline for all: those in time keep their values, of the others it says where they stand", async () => {
    const relays = [inserted(), inserted()] as const;
    await notify(relays[0]);
    const [done, late] = await awaiter.awaitMany(relays, 20);
    expect(done).to.deep.include({ ok: true, value: 4 });
    expect(late).to.deep.equal({
      ok: false,
      error: "timeout",
      job: { id: 1, state: "executing", attempt: 1, host: "the host" },
    });
  });

  it("never calls a stored result a timeout", async () => {
    const relay = inserted();
    table.put(relay.ref, value(4));
    expect((await awaiter.awaitMany([relay], 0))[0]).to.deep.include({ ok: true, value: 4, via: "reconcile" });
  });

  it("ends in time, though the table does not answer", async () => {
    const relay = inserted();
    table.hangs = true;
    expect(await awaiter.awaitMany([relay], 10)).to.deep.equal([{ ok: false, error: "timeout", job: { id: 1 } }]);
  });

  it("asks the table for a relay that it has no slot for, and subscribes", async () => {
    const relay = makeRelay({ id: 1, worker: "double", queue: "default" }, "another", newRef());
    table.put(relay.ref, value(4));
    expect((await awaiter.awaitMany([relay], Infinity))[0]).to.deep.include({ ok: true, value: 4, via: "reconcile" });
    expect(table.calls).to.deep.equal([{ refs: [relay.ref], subscribe: true }]);
  });

  it("ends at once where the row is gone", async () => {
    const relay = makeRelay({ id: 1, worker: "double", queue: "default" }, "another", newRef());
    const [result] = await awaiter.awaitMany([relay], Infinity);
    expect(result?.ok === false && result.error).to.be.instanceOf(JobNotFoundError);
    expect(mailbox.size).to.equal(0);
  });

  it("ends at once where the row is gone of a relay that has had its slot for long", async () => {
    const late = new Awaiter({
      mailbox,
      reconciler,
      reasons: new Reasons(table, telemetry),
      decode: decodeJson,
      overdue: -1,
    });
    const relay = inserted();
    table.delete(relay.ref);
    const [result] = await late.awaitMany([relay], Infinity);
    expect(result?.ok === false && result.error).to.be.instanceOf(JobNotFoundError);
  });

  it("finds, when listening works again, what no notification has brought", async () => {
    const relay = inserted();
    const open = awaiter.awaitMany([relay], Infinity);
    table.put(relay.ref, value(4));
    notifier.setMode("notify");
    expect((await open)[0]).to.deep.include({ ok: true, value: 4, via: "reconcile" });
    // It is counted when all that was found is delivered.
    await new Promise(setImmediate);
    expect(telemetry.counts()).to.deep.include({ reconcile: 1 });
  });

  it("polls where notifications do not arrive", async () => {
    notifier.setMode("polling");
    const relay = inserted();
    const open = awaiter.awaitMany([relay], Infinity);
    await notify(relay);
    expect((await open)[0]).to.deep.include({ ok: true, value: 4, via: "reconcile" });
  });

  it("fetches a result that did not fit into its notification", async () => {
    const relay = inserted();
    const large = value("x".repeat(6_000));
    const open = awaiter.awaitMany([relay], Infinity);
    await notify(relay, large);
    expect((await open)[0]).to.deep.include({ ok: true, value: "x".repeat(6_000), via: "notify" });
    expect(table.calls).to.deep.equal([{ refs: [relay.ref], subscribe: false }]);
  });

  it("takes the first outcome; with retries it waits for the final one; neither changes afterwards", async () => {
    const relay = inserted();
    const first = awaiter.awaitMany([relay], Infinity);
    const final = awaiter.awaitMany([relay], { timeout: Infinity, withRetries: true });
    await notify(relay, answer(ANSWER_KINDS.failed, { error: "not yet" }));
    const [failed] = await first;
    expect(failed?.ok === false && (failed.error as Error).message).to.equal("not yet");
    await notify(relay);
    expect((await final)[0]).to.deep.include({ ok: true, value: 4 });
    const [again] = await awaiter.awaitMany([relay]);
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
    it(`says ${expected.error}, and what goes with it`, async () => {
      const relay = inserted();
      await notify(relay, answer(kind, of));
      expect((await awaiter.awaitMany([relay]))[0]).to.deep.include({ ok: false, ...expected });
    });
  }

  it("turns a value that cannot be decoded into an error of its result", async () => {
    const relay = inserted();
    await notify(relay, { kind: ANSWER_KINDS.value, encoding: "b", bytes: Buffer.from("{") });
    const [result] = await awaiter.awaitMany([relay]);
    expect(result?.ok === false && result.error).to.be.instanceOf(Error);
  });

  it("counts what is nobody's or nothing, and delivers none of it", async () => {
    const relay = inserted();
    for (const payload of ["", "junk", "x".repeat(7_999), `R2${relay.ref}o-`, `R1${relay.ref}?-`, `R1${newRef()}o-`]) {
      await notifier.notify(CHANNEL, payload);
    }
    expect(telemetry.counts()).to.deep.equal({ "envelope:unknown": 5, "envelope:unawaited": 1 });
    expect(mailbox.peek(relay.ref, false)).to.equal(null);
  });

  it("rejects by its signal, with the signal's reason, before and during", async () => {
    const relay = inserted();
    const reason = new Error("no longer wanted");
    const controller = new AbortController();
    const open = awaiter.awaitMany([relay], { signal: controller.signal });
    controller.abort(reason);
    for (const call of [open, awaiter.awaitMany([relay], { signal: controller.signal })]) {
      expect(await call.catch((error: unknown) => error)).to.equal(reason);
    }
  });

  it("rejects every open call when it is stopped", async () => {
    const relay = inserted();
    const open = awaiter.awaitMany([relay], Infinity);
    awaiter.stop(new StoppedError("await"));
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
      const error = await awaiter.awaitMany([inserted()], options).catch((failure: unknown) => failure);
      expect(error).to.be.instanceOf(InvalidOptionError);
      expect((error as Error).message).to.match(says);
    });
  }

  it("refuses what is no relay", async () => {
    const error = await awaiter.awaitMany([{} as Relay]).catch((failure: unknown) => failure);
    expect(error).to.be.instanceOf(InvalidRelayError);
  });
});
