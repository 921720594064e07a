import { expect } from "chai";
import double from "../../../examples/workers/double.js";
import { Gate } from "../../support/gate.js";
import { useSystem } from "../../support/system.js";
import { gated } from "../../workers/gated.js";

describe("semantics of hosts:", () => {
  const { hosts } = useSystem("suite, with resets");

  it("two in one process with one prefix share the jobs, and neither sees the other's results", async () => {
    const [one, other] = await Promise.all([
      hosts.start({ name: "one", queues: { shared: 2 } }),
      hosts.start({ name: "other" }),
    ]);
    const relay = await other.async(double.new({ int: 2 }, { queue: "shared" }));
    expect(await other.await(relay)).to.include({ ok: true, value: 4, via: "notify" });
    expect(one.status().relays).to.deep.equal({ awaited: 0, held: 0 });
    expect(one.status().events).not.to.have.property("envelope:unawaited");
    expect(one.status().host).not.to.equal(other.status().host);
  });

  it("two with different prefixes share nothing", async () => {
    const [red, blue] = await Promise.all([
      hosts.start({ prefix: "red", queues: { default: 2 } }),
      hosts.start({ prefix: "blue" }),
    ]);
    const relay = await blue.async(double.new({ int: 2 }));
    expect(await red.call(double.new({ int: 3 }))).to.equal(6);
    expect(await blue.await(relay, 1)).to.include({ ok: false, error: "timeout" });
    const listed: number[] = [];
    for await (const job of red.jobs()) listed.push((job.args as { int: number }).int);
    expect(listed).to.deep.equal([3]);
    expect(await red.await(relay)).to.have.nested.property("error.code", "ERR_BATON_JOB_NOT_FOUND");
  });

  it("ten that start at once on an empty database create the schema together", async () => {
    const batons = await Promise.all(Array.from({ length: 10 }, () => hosts.start({ prefix: "fresh" })));
    expect(batons.map((baton) => baton.status().state)).to.deep.equal(Array(10).fill("started"));
    expect((await batons[9]?.async(double.new({ int: 1 })))?.job.id).to.equal(1);
  });

  it("several hosts of one queue share its jobs, each job runs once", async () => {
    using gate = new Gate();
    const [caller, one, other] = await Promise.all([
      hosts.start(),
      hosts.start({ queues: { shared: 1 }, threads: 1 }),
      hosts.start({ queues: { shared: 1 }, threads: 1 }),
    ]);
    const held = ["a", "b"].map((label) => gated.new({ gate: gate.path, label }, { queue: "shared" }));
    const relays = await caller.asyncMany(held);
    await gate.started(2);
    gate.open();
    const results = await caller.awaitMany(relays);
    expect(results.every(({ ok }) => ok)).to.equal(true);
    const ran: (string | null)[] = [];
    for await (const job of caller.jobs({ queue: "shared", worker: "gated" })) ran.push(job.attemptedBy);
    expect(ran).to.have.members([one.status().host, other.status().host]);
  });
});
