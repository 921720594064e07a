import { expect } from "chai";
import { Engine } from "../../lib/engine/engine.js";
import { Engines, registration } from "../support/engines.js";
import { newRow } from "../support/rows.js";

describe("jobs that no host can run", () => {
  let test: Engines;
  let three: Engine;

  before(async () => {
    test = await Engines.start();
    three = new Engine(test.database, "baton", "three");
  });

  after(() => test.stop());

  beforeEach(async () => {
    await test.sql.query("truncate baton.jobs, baton.hosts");
    await test.one.register({ ...registration("one"), queues: { default: 1, mail: 1 } });
    await test.two.register({ ...registration("two"), workers: ["echo"] });
  });

  const pairs = [
    { queue: "default", worker: "double" },
    { queue: "default", worker: "echo" },
    { queue: "mail", worker: "echo" },
    { queue: "reports", worker: "double" },
  ];

  it("are in a queue that no host serves, or of a worker that none of its hosts has", async () => {
    expect(Object.fromEntries(await test.one.unserved(pairs))).to.deep.equal({
      "mail\necho": "no host has this worker",
      "reports\ndouble": "no host serves this queue",
    });
  });

  it("are not in a queue with a host of an older release, which counts as having every worker", async () => {
    await three.register({ ...registration("three"), queues: { mail: 1 } });
    await test.sql.query("update baton.hosts set workers = null where id = 'three'");
    expect([...(await test.one.unserved(pairs)).keys()]).to.deep.equal(["reports\ndouble"]);
  });

  it("are those of a host that has left", async () => {
    await test.one.unregister();
    const unserved = await test.two.unserved(pairs);
    expect(unserved.get("default\ndouble")).to.equal("no host has this worker");
    expect(unserved.get("mail\necho")).to.equal("no host serves this queue");
  });

  it("are found in the table, one pair once, however many jobs it has", async () => {
    await test.one.insert(pairs.flatMap((pair) => [newRow(pair), newRow(pair), newRow({ ...pair, priority: 3 })]));
    await test.one.insert([newRow({ queue: "later", scheduleIn: 60_000 })]);
    expect(await test.one.unservedNow()).to.have.deep.members([
      { queue: "mail", worker: "echo", reason: "no host has this worker" },
      { queue: "reports", worker: "double", reason: "no host serves this queue" },
    ]);
  });

  it("are found without reading the jobs", async () => {
    await test.sql.query(`insert into baton.jobs (queue, worker)
      select 'foreign', 'worker ' || i % 5 from generate_series(1, 20000) i`);
    await test.sql.query("vacuum analyze baton.jobs");
    const plan = await test.explain("unservedNow", []);
    expect(plan.buffers).to.be.below(100);
    expect(await test.one.unservedNow()).to.have.length(5);
  });
});
