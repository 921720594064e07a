import { expect } from "chai";
import type { Baton, Relay } from "../../lib/index.js";
import double from "../../examples/workers/double.js";
import { Gate } from "../support/gate.js";
import { useSystem } from "../support/system.js";
import { until } from "../support/until.js";
import { flaky } from "../workers/flaky.js";
import { gated } from "../workers/gated.js";

describe("forged, repeated and lost notifications:", () => {
  const { hosts, sql } = useSystem("suite");
  let caller: Baton;
  let host: Baton;

  before(async () => {
    host = await hosts.start({ queues: { default: 2 } });
  });

  beforeEach(async () => {
    caller = await hosts.start();
  });

  afterEach(() => caller.stop());

  function channel(): string {
    return `baton.relay.${caller.status().host}`;
  }

  async function notify(...payloads: string[]): Promise<void> {
    for (const payload of payloads) await sql.query("select pg_notify($1, $2)", [channel(), payload]);
    // Notifications keep their order, so those before this result have arrived.
    expect(await caller.call(double.new({ int: 1 }))).to.equal(2);
  }

  it("a malformed envelope, or one of another version or kind, is counted and changes nothing", async () => {
    using gate = new Gate();
    const relay = await caller.async(gated.new({ gate: gate.path }));
    const result = caller.await(relay, 20_000);
    await gate.started();
    await notify(
      "",
      "hello",
      "R1",
      "x".repeat(7_999),
      `R2${relay.ref}o-`,
      `R1${relay.ref}q-`,
      `R1${relay.ref}o`,
      `R1${relay.ref}ob`,
      `R1${relay.ref}v-AAAA`,
      `R1${relay.ref}vxAAAA`,
      `R1${relay.ref}vb$$$$`,
      `R1${relay.ref}f-AAAA`,
    );
    expect(caller.status().events["envelope:unknown"]).to.equal(12);
    gate.open();
    expect(await result).to.include({ ok: true, value: "through on attempt 1" });
  });

  it("an envelope for a ref that nobody awaits is counted", async () => {
    await notify(`R1${"A".repeat(22)}o-`, `R1${"B".repeat(22)}vbAAAA`);
    expect(caller.status().events["envelope:unawaited"]).to.equal(2);
    expect(caller.status().relays.awaited).to.equal(0);
  });

  it("an envelope for a result that is not stored yet finds nothing, and the await goes on", async () => {
    using gate = new Gate();
    const relay = await caller.async(gated.new({ gate: gate.path }));
    const result = caller.await(relay, 20_000);
    await gate.started();
    await notify(`R1${relay.ref}f-`);
    gate.open();
    expect(await result).to.include({ ok: true, value: "through on attempt 1" });
  });

  it("a result that is repeated, before or after its await, changes nothing", async () => {
    const heard = await listen();
    const relay = await caller.async(double.new({ int: 21 }));
    const envelope = await heard(relay);
    await notify(envelope, envelope);
    expect(await caller.await(relay)).to.include({ ok: true, value: 42 });
    await notify(envelope);
    expect(await caller.await(relay)).to.include({ ok: true, value: 42 });
  });

  it("an outcome of an earlier attempt that is repeated after the final one changes nothing", async () => {
    const heard = await listen();
    const relay = await caller.async(flaky.new({ failures: 1 }));
    const failure = await heard(relay);
    const options = { withRetries: true, timeout: 20_000 };
    expect(await caller.await(relay, options)).to.include({ ok: true, value: "attempt 2 succeeds" });
    await notify(failure);
    expect(await caller.await(relay, options)).to.include({ ok: true, value: "attempt 2 succeeds" });
    expect(await caller.await(relay)).to.have.nested.property("error.message", "attempt 1 fails");
  });

  it("an unknown queue, or any text, wakes no host", async () => {
    for (const payload of ["", "nobody", "__proto__", "x".repeat(7_999)]) {
      await sql.query("select pg_notify('baton.insert', $1)", [payload]);
    }
    expect(await caller.call(double.new({ int: 4 }))).to.equal(8);
    expect(host.status().events).not.to.have.property("service:error");
  });

  it("a result whose notification is lost is found", async () => {
    using gate = new Gate();
    const relay = await caller.async(gated.new({ gate: gate.path }));
    const result = caller.await(relay, 25_000);
    await gate.started();
    await sql.query("update baton.jobs set reply_to = '{}' where id = $1", [relay.job.id]);
    gate.open();
    expect(await result).to.include({ ok: true, value: "through on attempt 1", via: "reconcile" });
    expect(caller.status().events.reconcile).to.equal(1);
  });

  it("a hundred open awaits resolve though every connection is cut", async () => {
    using gate = new Gate();
    await hosts.start({ queues: { many: 100 }, threads: 2 });
    const held = await caller.async(gated.new({ gate: gate.path }));
    const relays = await caller.asyncMany(
      Array.from({ length: 100 }, (_, int) => double.new({ int }, { queue: "many", scheduleIn: 1_000 })),
    );
    const results = caller.awaitMany([held, ...relays], 25_000);
    await gate.started();
    await sql.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()",
    );
    gate.open();
    const [first, ...rest] = await results;
    expect(first).to.include({ ok: true });
    expect(rest.map((result) => result.ok && result.value)).to.deep.equal(relays.map((_, int) => int * 2));
    await until(() => caller.status().notifier === "notify", "notifications to be back");
    expect(await caller.call(double.new({ int: 4 }))).to.equal(8);
  });

  /** Listens on the caller's channel, as any role can, for the first envelope of a relay. */
  async function listen(): Promise<(relay: Relay) => Promise<string>> {
    const payloads: string[] = [];
    await sql.listen(channel(), (payload) => payloads.push(payload));
    return async ({ ref }) => {
      const mine = (payload: string): boolean => payload.startsWith(`R1${ref}`);
      return until(() => payloads.find(mine), "an envelope");
    };
  }
});
