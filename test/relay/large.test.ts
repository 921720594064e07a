import { expect } from "chai";
import { JobNotFoundError } from "../../lib/errors.js";
import { MemoryNotifier } from "../support/memory-notifier.js";
import { Awaiter } from "../../lib/relay/awaiter.js";
import { Dispatcher } from "../../lib/relay/dispatcher.js";
import { FETCH, ENVELOPE_VERSION } from "../../lib/relay/envelope.js";
import { Mailbox } from "../../lib/relay/mailbox.js";
import { Reasons } from "../../lib/relay/reasons.js";
import { Reconciler } from "../../lib/relay/reconciler.js";
import { makeRelay, newRef, type Relay } from "../../lib/relay/relay.js";
import { Telemetry } from "../../lib/telemetry.js";
import { decodeJson, MemoryAnswers, value } from "../support/answers.js";
import { until } from "../support/until.js";

const CHANNEL = "relay";
const MIB = 1_024 * 1_024;

describe("awaiting large answers", () => {
  let notifier: MemoryNotifier;
  let table: MemoryAnswers;
  let mailbox: Mailbox;
  let reconciler: Reconciler;
  let awaiter: Awaiter;
  /** Lets calls for large answers through, which wait until then. */
  let open: () => void;

  beforeEach(async () => {
    notifier = new MemoryNotifier();
    table = new MemoryAnswers();
    table.inline = 1_000;
    table.gate = new Promise((resolve) => {
      open = resolve;
    });
    const telemetry = new Telemetry("test");
    mailbox = new Mailbox(telemetry);
    reconciler = new Reconciler(mailbox, table, notifier, telemetry);
    awaiter = new Awaiter({ mailbox, reconciler, reasons: new Reasons(table, telemetry), decode: decodeJson });
    const dispatcher = new Dispatcher(mailbox, reconciler, telemetry);
    await notifier.listen(CHANNEL, (payload) => dispatcher.receive(payload));
  });

  afterEach(() => {
    reconciler.stop();
    mailbox.stop();
  });

  function relay(): Relay {
    return makeRelay({ id: 1, worker: "sized", queue: "default" }, "host", newRef());
  }

  /** A relay whose job has ended with an answer of about this size. */
  function stored(size: number): Relay {
    const of = relay();
    table.put(of.ref, value("x".repeat(size)));
    return of;
  }

  function notify({ ref }: Relay): Promise<void> {
    return notifier.notify(CHANNEL, `${ENVELOPE_VERSION}${ref}${FETCH}-`);
  }

  function lengthOf(result: unknown): number {
    return (result as { value: string }).value.length;
  }

  it("reads one when the notification says that it is stored", async () => {
    open();
    const of = stored(5_000);
    mailbox.open(of.ref);
    const result = awaiter.awaitMany([of]);
    await notify(of);
    expect((await result)[0]).to.deep.include({ ok: true, via: "notify" });
    expect(table.largeCalls).to.deep.equal([[of.ref]]);
  });

  it("reads it once, however many look for it", async () => {
    const of = stored(5_000);
    const awaiters = [awaiter.awaitMany([of, of]), awaiter.awaitMany([of])];
    await until(() => table.largeCalls.length === 1, "the first to ask");
    awaiters.push(awaiter.awaitMany([of]));
    await notify(of);
    notifier.setMode("notify");
    const reads = table.calls.length;
    await until(() => table.calls.length > reads, "the table to be asked again");
    open();
    const results = (await Promise.all(awaiters)).flat();
    expect(results.map(lengthOf)).to.deep.equal([5_000, 5_000, 5_000, 5_000]);
    await awaiter.awaitMany([of]);
    expect(table.largeCalls, "it is in its slot now").to.deep.equal([[of.ref]]);
  });

  it("reads few at a time, so that they never have more than 16 MiB together", async () => {
    open();
    const relays = [5, 5, 5, 5, 20, 1, 1].map((mib) => stored(mib * MIB));
    const results = await awaiter.awaitMany(relays);
    expect(results.map((result) => lengthOf(result) / MIB)).to.deep.equal([5, 5, 5, 5, 20, 1, 1]);
    expect(table.largeCalls.map(({ length }) => length)).to.deep.equal([3, 1, 1, 2]);
  });

  it("delivers the small ones without waiting for it", async () => {
    const [large, small] = [stored(5_000), stored(10)];
    const both = awaiter.awaitMany([large, small]);
    expect((await awaiter.awaitMany([small])).map(lengthOf)).to.deep.equal([10]);
    open();
    expect((await both).map(lengthOf)).to.deep.equal([5_000, 10]);
  });

  it("waits for one that is stored beyond the deadline, until it has arrived", async () => {
    const of = stored(5_000);
    const result = awaiter.awaitMany([of], 0);
    await until(() => table.largeCalls.length === 1, "it to be asked for");
    open();
    expect((await result)[0]).to.deep.include({ ok: true, via: "reconcile" });
  });

  it("says so where the row is gone meanwhile", async () => {
    const of = stored(5_000);
    const result = awaiter.awaitMany([of]);
    await until(() => table.largeCalls.length === 1, "it to be asked for");
    table.delete(of.ref);
    open();
    const [gone] = await result;
    expect(gone?.ok === false && gone.error).to.be.instanceOf(JobNotFoundError);
  });

  it("reads none that nobody wants", async () => {
    open();
    const { ref } = stored(5_000);
    await new Promise<void>((resolve) => reconciler.ask(ref, { onRow: () => resolve() }));
    expect(table.largeCalls).to.deep.equal([]);
  });
});
