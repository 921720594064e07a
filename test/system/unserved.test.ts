import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { expect } from "chai";
import type { AnyWorker, Baton, BatonOptions } from "../../lib/index.js";
import double from "../../examples/workers/double.js";
import echo from "../../examples/workers/echo.js";
import { useSystem } from "../support/system.js";
import { until } from "../support/until.js";

describe("a rolling deploy:", () => {
  const { hosts } = useSystem("test");
  let events: unknown[];
  const onEvent = (event: unknown): void => void events.push(event);

  beforeEach(() => {
    events = [];
    subscribe("pg-baton:queue:unserved", onEvent);
  });

  afterEach(() => unsubscribe("pg-baton:queue:unserved", onEvent));

  function start(workers: readonly AnyWorker[], options: Partial<BatonOptions> = {}): Promise<Baton> {
    return hosts.start({ threads: 1, ...options, workers });
  }

  it("jobs of a worker that only new hosts have wait for them, and cost no attempt", async () => {
    const caller = await start([double, echo]);
    const old = await start([double], { queues: { default: 1 } });
    const relays = await caller.asyncMany(Array.from({ length: 20 }, (_, at) => echo.new({ value: at })));
    // Jobs of the old worker overtake them.
    for (let int = 0; int < 5; int += 1) expect(await caller.call(double.new({ int }))).to.equal(2 * int);
    expect(old.status().events["job:start"]).to.equal(5);
    await start([double, echo], { queues: { default: 1 } });
    const results = await caller.awaitMany(relays, 20_000);
    for (const result of results) expect(result).to.include({ ok: true });
    for await (const job of caller.jobs()) expect(job).to.include({ state: "completed", attempt: 1 });
  });

  it("jobs that no host can run are reported", async () => {
    const caller = await start([double, echo]);
    await caller.insertMany([
      echo.new({ value: 1 }),
      echo.new({ value: 2 }),
      double.new({ int: 1 }, { queue: "mail" }),
    ]);
    const host = await start([double], { queues: { default: 1 } });
    const unserved = [
      { queue: "default", worker: "echo", reason: "no host has this worker" },
      { queue: "mail", worker: "double", reason: "no host serves this queue" },
    ];
    await until(() => host.status().unserved.length > 0, "the look");
    expect(host.status().unserved).to.deep.equal(unserved);
    expect(events).to.have.length(2);
    expect(caller.status().unserved, "only hosts look").to.deep.equal([]);
  });
});
