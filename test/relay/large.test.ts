import { expect } from "chai";
import { JobNotFoundError } from "../../lib/errors.js";
import { ENVELOPE_VERSION, STORED } from "../../lib/relay/envelope.js";
import { Mailbox } from "../../lib/relay/mailbox.js";
import { Reconciler } from "../../lib/relay/reconciler.js";
import type { Relay } from "../../lib/relay/relay.js";
import type { Relays } from "../../lib/relay/relays.js";
import { type MemoryAnswers, value } from "../support/answers.js";
import { RelaysFixture } from "../support/relays-fixture.js";
import { until } from "../support/until.js";

const MIB = 1_024 * 1_024;

describe("awaiting large answers", () => {
  let fixture: RelaysFixture;
  let relays: Relays;
  let table: MemoryAnswers;
  /** Reads of large answers wait until this is called. */
  let open: () => void;

  beforeEach(() => {
    fixture = new RelaysFixture();
    ({ relays, table } = fixture);
    table.inline = 1_000;
    table.gate = new Promise((resolve) => {
      open = resolve;
    });
  });

  afterEach(() => fixture.stop());

  /** A relay whose row has an answer of about this size. */
  function stored(size: number): Relay {
    const of = fixture.foreign();
    table.put(of.ref, value("x".repeat(size)));
    return of;
  }

  function notify({ ref }: Relay): Promise<void> {
    return fixture.send(`${ENVELOPE_VERSION}${ref}${STORED}-`);
  }

  function lengthOf(result: unknown): number {
    return (result as { value: string }).value.length;
  }

  it("reads one when a notification says that it is stored", async () => {
    open();
    const of = stored(5_000);
    relays.open(of.ref);
    const result = relays.awaitMany([of]);
    await notify(of);
    expect((await result)[0]).to.deep.include({ ok: true, via: "notify" });
    expect(table.largeCalls).to.deep.equal([[of.ref]]);
  });

  it("reads it once for all awaits of it", async () => {
    const of = stored(5_000);
    const awaiters = [relays.awaitMany([of, of]), relays.awaitMany([of])];
    await until(() => table.largeCalls.length === 1, "the first to ask");
    awaiters.push(relays.awaitMany([of]));
    await notify(of);
    fixture.notifier.setMode("notify");
    const reads = table.calls.length;
    await until(() => table.calls.length > reads, "the table to be asked again");
    open();
    const results = (await Promise.all(awaiters)).flat();
    expect(results.map(lengthOf)).to.deep.equal([5_000, 5_000, 5_000, 5_000]);
    await relays.awaitMany([of]);
    expect(table.largeCalls, "it is in its slot now").to.deep.equal([[of.ref]]);
  });

  it("reads few at a time, never more than 16 MiB together", async () => {
    open();
    const several = [5, 5, 5, 5, 20, 1, 1].map((mib) => stored(mib * MIB));
    const results = await relays.awaitMany(several);
    expect(results.map((result) => lengthOf(result) / MIB)).to.deep.equal([5, 5, 5, 5, 20, 1, 1]);
    expect(table.largeCalls.map(({ length }) => length)).to.deep.equal([3, 1, 1, 2]);
  });

  it("delivers small ones without waiting for it", async () => {
    const [large, small] = [stored(5_000), stored(10)];
    const both = relays.awaitMany([large, small]);
    expect((await relays.awaitMany([small])).map(lengthOf)).to.deep.equal([10]);
    open();
    expect((await both).map(lengthOf)).to.deep.equal([5_000, 10]);
  });

  it("waits beyond the deadline until a stored one has arrived", async () => {
    const of = stored(5_000);
    const result = relays.awaitMany([of], 0);
    await until(() => table.largeCalls.length === 1, "it to be asked for");
    open();
    expect((await result)[0]).to.deep.include({ ok: true, via: "reconcile" });
  });

  it("reports that the row has gone meanwhile", async () => {
    const of = stored(5_000);
    const result = relays.awaitMany([of]);
    await until(() => table.largeCalls.length === 1, "it to be asked for");
    table.delete(of.ref);
    open();
    const [gone] = await result;
    expect(gone?.ok === false && gone.error).to.be.instanceOf(JobNotFoundError);
  });

  it("reads none that nobody awaits", async () => {
    open();
    const { ref } = stored(5_000);
    const { notifier, telemetry } = fixture;
    const reconciler = new Reconciler(new Mailbox(telemetry), table, notifier, telemetry);
    await new Promise<void>((resolve) => reconciler.lookUpFor(ref, { onRow: () => resolve() }));
    reconciler.stop();
    expect(table.largeCalls).to.deep.equal([]);
  });
});
