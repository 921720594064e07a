import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import pg from "pg";
import type { Baton, BatonOptions } from "../../lib/index.js";
import { Gate } from "../support/gate.js";
import { Hosts } from "../support/hosts.js";
import { Namespace } from "../support/namespace.js";
import { OpenServer } from "../support/open-server.js";
import { print } from "../support/print.js";
import type { NodeProcess } from "../support/process.js";
import { until } from "../support/until.js";
import { stubborn } from "../workers/gated.js";

const SCRIPT = new URL("./processes/host.js", import.meta.url);
const QUEUES = { default: 2 };
const JOBS = 2;
/** More than the ms of good service after which a free lock counts. */
const CALM = 7_000;

describe("a machine that vanishes", function () {
  this.timeout(120_000);
  let machine: Namespace;
  let server: OpenServer;
  let sql: pg.Client;
  let hosts: Hosts;
  let caller: Baton;
  let vanished: NodeProcess;

  before(async function () {
    try {
      machine = new Namespace();
    } catch (error) {
      print(`no network namespace can be made here, so no machine vanishes: ${(error as Error).message.trim()}`);
      return this.skip();
    }
    server = await OpenServer.start(15_000 + (process.pid % 15_000));
    sql = new pg.Client(server.url());
    await sql.connect();
  });

  beforeEach(async () => {
    hosts = new Hosts(server.url());
    caller = await hosts.start();
    const options: BatonOptions = { connection: server.url(machine.outside), threads: 2, queues: QUEUES };
    vanished = machine.spawn(SCRIPT, [JSON.stringify(options)]);
    await vanished.receive((message: object) => "started" in message);
  });

  afterEach(async () => {
    machine.up();
    await vanished[Symbol.asyncDispose]();
    await hosts.stop();
    await sql.query("truncate baton.jobs, baton.hosts");
  });

  after(async () => {
    await sql?.end();
    await server?.stop();
    machine?.[Symbol.dispose]();
  });

  for (const delay of [0, 1_200, 2_400]) {
    it(`has its jobs run elsewhere within 8 s (${delay} ms after a heartbeat)`, async () => {
      using gate = new Gate();
      const relays = await caller.asyncMany(Array.from({ length: JOBS }, () => stubborn.new({ gate: gate.path })));
      await gate.started(JOBS);
      await hosts.spawn({ queues: QUEUES });
      await sleep(CALM);
      const { rows } = await sql.query("select id, beat from baton.hosts order by started_at limit 1");
      const moved = "select from baton.hosts where id = $1 and beat > $2";
      const values = [rows[0].id, rows[0].beat];
      await until(async () => (await sql.query(moved, values)).rowCount === 1, "a heartbeat");
      await sleep(delay);
      machine.down();
      const start = performance.now();
      await gate.started(2 * JOBS);
      const took = Math.round(performance.now() - start);
      print(`its jobs ran elsewhere after ${took} ms`);
      expect(took).to.be.below(8_000);
      gate.open();
      const results = await caller.awaitMany(relays, { timeout: 20_000, withRetries: true });
      for (const result of results) expect(result).to.include({ ok: true, value: "through on attempt 2" });
    });
  }

  it("continues as the same host when it is back, and its late outcomes change nothing", async () => {
    using gate = new Gate();
    const relays = await caller.asyncMany(Array.from({ length: JOBS }, () => stubborn.new({ gate: gate.path })));
    await gate.started(JOBS);
    await hosts.spawn({ queues: QUEUES });
    await sleep(CALM);
    machine.down();
    await gate.started(2 * JOBS);
    machine.up();
    gate.open();
    const results = await caller.awaitMany(relays, { timeout: 20_000, withRetries: true });
    for (const result of results) expect(result).to.include({ ok: true, value: "through on attempt 2" });
    const two = "select from baton.hosts where queues ? 'default'";
    await until(async () => (await sql.query(two)).rowCount === 2, "it to be registered again", 30_000);
    await until(
      async () => (await sql.query("select from baton.jobs where state = 2")).rowCount === 0,
      "no job to be held",
    );
  });
});
