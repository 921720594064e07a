import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { expect } from "chai";
import { type AnyWorker, Baton, type BatonOptions } from "../../lib/index.js";
import double from "../../examples/workers/double.js";
import echo from "../../examples/workers/echo.js";
import { createDatabase, type TestDatabase } from "../support/database.js";
import { until } from "../support/until.js";

describe("a rolling deploy:", () => {
  let database: TestDatabase;
  let batons: Baton[];
  let events: unknown[];
  const onEvent = (event: unknown): void => void events.push(event);

  beforeEach(async () => {
    database = await createDatabase();
    batons = [];
    events = [];
    subscribe("pg-baton:queue:unserved", onEvent);
  });

  afterEach(async () => {
    unsubscribe("pg-baton:queue:unserved", onEvent);
    await Promise.all(batons.map((baton) => baton.stop()));
    await database.drop();
  });

  async function start(workers: readonly AnyWorker[], options: Partial<BatonOptions> = {}): Promise<Baton> {
    const baton = new Baton({ threads: 1, ...options, connection: database.url, workers });
    batons.push(baton);
    return baton.start();
  }

  it("jobs of a worker that only new hosts have wait for them, and cost no attempt", async () => {
    const caller = await start([double, echo]);
    const old = await start([double], { queues: { default: 1 } });
    const relays = await caller.asyncMany(Array.from({ length: 20 }, (_, at) => echo.new({ value: at })));
    // Those of the old worker pass them by.
    for (let int = 0; int < 5; int += 1) expect(await caller.call(double.new({ int }))).to.equal(2 * int);
    expect(old.status().events["job:start"]).to.equal(5);
    await start([double, echo], { queues: { default: 1 } });
    const results = await caller.awaitMany(relays, 20_000);
    for (const result of results) expect(result).to.include({ ok: true });
    for await (const job of caller.jobs()) expect(job).to.include({ state: "completed", attempt: 1 });
  });

  it("jobs that no host can run are told", async () => {
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
