import { expect } from "chai";
import pg from "pg";
import { ANSWER_KINDS, answerWith } from "../../lib/job/answer.js";
import { Database } from "../../lib/postgres/database.js";
import { Engine } from "../../lib/engine/engine.js";
import { migrate } from "../../lib/engine/migrations.js";
import { scanJobs } from "../../lib/engine/scan.js";
import { Telemetry } from "../../lib/telemetry.js";
import double from "../../examples/workers/double.js";
import { createDatabase, type TestDatabase } from "../support/database.js";
import { completed, registration } from "../support/engines.js";
import { FaultyProxy } from "../support/faulty-proxy.js";
import { Gate } from "../support/gate.js";
import { Hosts } from "../support/hosts.js";
import { newRow } from "../support/rows.js";
import { Shadows } from "../support/shadows.js";
import { fail } from "../workers/fail.js";
import { gated } from "../workers/gated.js";
import { roomy } from "../workers/sizes.js";

const LOST = { answer: answerWith(ANSWER_KINDS.value, { encoding: "b", bytes: Buffer.from("1") }), error: "lost" };

describe("functions and operators of another role in schema public", () => {
  let test: TestDatabase;
  let hostile: pg.Client;
  let shadows: Shadows;
  let hosts: Hosts;
  let proxy: FaultyProxy;
  let url: string;
  const role = `baton_hostile_${process.pid}`;

  before(async () => {
    test = await createDatabase();
    hostile = new pg.Client(test.url);
    await hostile.connect();
    await hostile.query(`create role ${role}; grant create on schema public to ${role}`);
    await hostile.query(`alter database ${test.name} set search_path = public, pg_catalog`);
    await hostile.query(`set role ${role}`);
    shadows = new Shadows(hostile);
    await shadows.cast(false);
    // Like a pooler, behind which Baton cannot set the search path.
    proxy = new FaultyProxy(test.url);
    proxy.inventsProcesses = true;
    proxy.refusesOptions = "unsupported startup parameter: options";
    url = await proxy.start();
    hosts = new Hosts(url);
  });

  afterEach(async () => {
    await hosts.stop();
    expect(await shadows.called(), "a shadow was called").to.equal(false);
  });

  after(async () => {
    await proxy.stop();
    await hostile.query(`reset role; drop owned by ${role}; drop role ${role}`);
    await hostile.end();
    await test.drop();
  });

  it("are not called by a host that runs, awaits, lists, counts and rescues jobs", async () => {
    using gate = new Gate();
    const [caller, doomed] = await Promise.all([hosts.start(), hosts.spawn({ queues: { default: 2, gated: 1 } })]);
    const relays = await caller.asyncMany([double.new({ int: 1 }), double.new({ int: 2 }, { scheduleIn: 1 })]);
    for (const result of await caller.awaitMany(relays, 20_000)) expect(result).to.include({ ok: true });
    expect(await caller.await(await caller.async(fail.new({ what: "error" })), 20_000)).to.include({ ok: false });
    expect(await caller.call(roomy.new({ size: 100_000 }), 20_000)).to.have.length(100_000);
    const relay = await caller.async(gated.new({ gate: gate.path }, { queue: "gated" }));
    const result = (await hosts.start()).await(relay, { timeout: 60_000, withRetries: true });
    await gate.started();
    expect(await caller.counts()).to.deep.include({ queue: "gated", state: "executing", jobs: 1 });
    await hosts.start({ queues: { gated: 1 } });
    doomed.process.kill("SIGKILL");
    gate.open();
    expect(await result).to.include({ ok: true });
    const listed: string[] = [];
    for await (const { worker } of caller.jobs({ worker: "double", state: "completed" })) listed.push(worker);
    expect(listed).to.have.length(2);
  }).timeout(90_000);

  it("are not called by any operation of the engine", async () => {
    const database = new Database(url, "test", new Telemetry("test"));
    await database.start();
    await migrate(database, "baton");
    const [engine, relaxed] = [
      new Engine(database, "baton", "one"),
      new Engine(database, "baton", "two", { durability: "relaxed" }),
    ];
    for (const of of [engine, relaxed]) {
      await of.register(registration("host", "42"));
      const rows = [newRow(), newRow({ replyTo: "two", claimed: true }), newRow({ replyTo: "one" })];
      await of.insert(rows);
      await of.insert([newRow({ scheduledAt: Date.now(), replyTo: "two" })]);
      const jobs = (await of.claim("default", 9, 1)).jobs;
      expect(jobs).to.have.length(3);
      await of.begin(jobs);
      expect((await of.tend(0, ["default"], { compare: true })).held).to.have.length(4);
      await of.subscribe(rows.map(({ ref }) => ref));
      const acks = jobs.map((job) => ({ ...job, transition: completed() }));
      await of.complete(acks.slice(0, 1));
      expect(await of.complete(acks.slice(1))).to.deep.equal([true, true]);
      expect(await of.complete(acks, { again: true })).to.deep.equal([true, true, true]);
      await of.readLargeAnswers(rows.map(({ ref }) => ref));
      await database.query(of.heartbeat, [of.host, "42"]);
      await of.accused({ id: 1, claim: 1 });
      await of.accuse({ id: 1, claim: 1 }, 1);
      await of.absolve({ id: 1, claim: 1 });
      await of.counts();
    }
    const { hosts: listed } = await engine.tend(10, ["default"], { compare: true });
    const sighting = listed.find(({ id }) => id === "two") ?? null;
    const loss = { id: "two", sighting, unlocked: true, died: true };
    expect(await engine.rescue(loss, LOST)).to.include({ jobs: 1 });
    await engine.prune(10);
    await engine.unregister();
    for await (const { id } of scanJobs(database, "baton", { ids: [1], tag: "a", queue: "default" }))
      expect(id).to.equal(1);
    await database.stop();
  });
});
