import { channel } from "node:diagnostics_channel";
import { expect } from "chai";
import type { Baton } from "../../../lib/index.js";
import double from "../../../examples/workers/double.js";
import { Gate } from "../../support/gate.js";
import type { Hosts } from "../../support/hosts.js";
import { useSystem } from "../../support/system.js";
import { bytes } from "../../workers/flaky.js";
import { gated } from "../../workers/gated.js";

describe("semantics without notifications (a pooler in transaction mode accepts LISTEN, and nothing arrives):", () => {
  const system = useSystem("suite");
  const hearing = system.hosts;
  let deaf: Hosts;
  let caller: Baton;
  const modes: unknown[] = [];
  const heard = (event: unknown): unknown => modes.push(event);

  before(async () => {
    const far = await system.openProxy();
    far.proxy.deaf = true;
    deaf = far.hosts;
    channel("pg-baton:notifier:mode").subscribe(heard);
    caller = await deaf.start({ name: "deaf caller" });
  });

  after(() => channel("pg-baton:notifier:mode").unsubscribe(heard));

  it("8. start detects and reports it", () => {
    expect(caller.status()).to.include({ state: "started", notifier: "polling" });
    expect(caller.status().events).to.include({ "notifier:mode": 1 });
    expect(modes).to.deep.equal([
      {
        instance: "deaf caller",
        mode: "polling",
        reason: "a notification to itself did not arrive within 1000 ms",
      },
    ]);
  });

  it("8. awaits poll: for small results, large ones, many, and late ones", async () => {
    using gate = new Gate();
    await hearing.start({ queues: { default: 4 } });
    expect(await caller.await(await caller.async(double.new({ int: 2 })), 20_000)).to.include({
      ok: true,
      value: 4,
      via: "reconcile",
    });
    expect(await caller.call(bytes.new({ size: 7_000 }), 20_000)).to.have.length(7_000);
    const many = await caller.asyncMany(Array.from({ length: 50 }, (_, int) => double.new({ int })));
    const late = await caller.async(gated.new({ gate: gate.path }));
    const results = caller.awaitMany([late, ...many], 20_000);
    await gate.started();
    gate.open();
    for (const result of await results) expect(result).to.include({ ok: true });
    expect(caller.status().relays.awaited).to.equal(0);
  });

  it("8. a host runs jobs, its own and others'", async () => {
    const host = await deaf.start({ queues: { deaf: 2 } });
    expect(host.status().notifier).to.equal("polling");
    const own = await host.await(await host.async(double.new({ int: 2 }, { queue: "deaf" })), 20_000);
    expect(own).to.include({ ok: true, value: 4 });
    const others = await caller.await(await caller.async(double.new({ int: 3 }, { queue: "deaf" })), 20_000);
    expect(others).to.include({ ok: true, value: 6 });
  });

  it("8. awaits time out", async () => {
    const relay = await caller.async(double.new({ int: 1 }, { queue: "nobody" }));
    expect(await caller.await(relay, 1)).to.include({ ok: false, error: "timeout" });
  });
});
