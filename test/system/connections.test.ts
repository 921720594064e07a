import { expect } from "chai";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { type Baton, DatabaseError, StoppedError } from "../../lib/index.js";
import { type Embedded, startEmbedded } from "../../lib/embedded.js";
import double from "../../examples/workers/double.js";
import { FaultyProxy } from "../support/faulty-proxy.js";
import { Gate } from "../support/gate.js";
import { Hosts } from "../support/hosts.js";
import { print } from "../support/print.js";
import { rejection } from "../support/rejection.js";
import { gated } from "../workers/gated.js";

const QUEUES = { default: 10 };
const JOBS = 100;

describe("with 100 open awaits and running jobs, connections fail:", () => {
  let server: Embedded;
  let proxy: FaultyProxy;
  let hosts: Hosts;
  let sql: pg.Client;
  let caller: Baton;
  let host: Baton;

  before(async () => {
    server = await startEmbedded();
    sql = await connect();
  });

  beforeEach(async () => {
    proxy = new FaultyProxy(server.url);
    hosts = new Hosts(await proxy.start());
    [caller, host] = await Promise.all([
      hosts.start(),
      hosts.start({ queues: QUEUES }),
      hosts.spawn({ queues: QUEUES }),
    ]);
  });

  afterEach(async () => {
    await hosts.stop();
    await proxy.stop();
    await sql.query("truncate baton.jobs, baton.hosts");
  });

  after(async () => {
    await sql.end();
    await server.remove();
  });

  async function connect(): Promise<pg.Client> {
    const client = new pg.Client(server.url);
    client.on("error", () => {});
    await client.connect();
    return client;
  }

  async function terminate(which: string): Promise<void> {
    await sql.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'pg-baton%' and ${which}`,
    );
  }

  /**
   * Lets a fault last so many ms while jobs run. Every job must run once,
   * and every await must get its result.
   */
  async function survive(
    fault: () => Promise<void> | void,
    heal: () => Promise<void> | void,
    lasts: number,
  ): Promise<void> {
    using gate = new Gate();
    const relays = await caller.asyncMany(
      Array.from({ length: JOBS }, (_, at) => gated.new({ gate: gate.path, label: `${at}` })),
    );
    const results = caller.awaitMany(relays, { timeout: Number.POSITIVE_INFINITY, withRetries: true });
    await gate.started(4);
    await fault();
    gate.open();
    await sleep(lasts);
    await heal();
    const healed = performance.now();
    for (const result of await results) expect(result).to.include({ ok: true, value: "through on attempt 1" });
    print(`all ${JOBS} results ${Math.round(performance.now() - healed)} ms after the fault was over`);
    const starts = gate.starts.map(({ label }) => label);
    expect(new Set(starts).size, "jobs begun").to.equal(JOBS);
    expect(starts, "runs").to.have.length(JOBS);
    expect(host.status().events).to.not.have.any.keys("rescue", "claim:lost", "host:lost");
    // The hosts work as before.
    expect(await caller.call(double.new({ int: 4 }))).to.equal(8);
  }

  it("all terminated by the server", () =>
    survive(
      () => terminate("true"),
      () => {},
      0,
    ));
  it("only listening ones terminated", () =>
    survive(
      () => terminate("query ~* '^listen|advisory'"),
      () => {},
      0,
    ));
  it("only those of statements terminated", () =>
    survive(
      () => terminate("query !~* '^listen|advisory'"),
      () => {},
      0,
    ));
  it("all cut in the network", () =>
    survive(
      () => proxy.cut(),
      () => {},
      0,
    ));
  it("all half-open: they swallow bytes without an error, and new ones work", () =>
    survive(
      () => proxy.numb(),
      () => {},
      0,
    ));
  it("only listening ones half-open", () =>
    survive(
      () => proxy.numb(["listeners"]),
      () => {},
      0,
    ));
  it("only those of statements half-open", () =>
    survive(
      () => proxy.numb(["statements"]),
      () => {},
      0,
    ));
  it("the network swallows everything for 6 s", () =>
    survive(
      () => proxy.swallow(),
      () => proxy.heal(),
      6_000,
    )).timeout(60_000);

  for (const [what, lasts] of [
    ["PostgreSQL crashes and is started again", 0],
    ["PostgreSQL is away for 30 s", 30_000],
  ] as const) {
    it(what, () =>
      survive(
        async () => {
          // Claims are not flushed to disk, and a crash loses the last of
          // them. This update is flushed, with all that came before it.
          await sql.query("update baton.hosts set name = name");
          await server.stop("immediate");
        },
        async () => {
          await server.start();
          sql = await connect();
        },
        lasts,
      ),
    ).timeout(lasts + 60_000);
  }

  it("`async` while the database is away fails with a typed error after 15 s, or inserts once", async () => {
    await server.stop("immediate");
    const vain = rejection(caller.async(double.new({ int: 1 })));
    const error = await vain;
    expect(error).to.be.instanceOf(DatabaseError).and.to.have.property("code", "ERR_BATON_DATABASE_UNREACHABLE");
    const lucky = caller.async(double.new({ int: 2 }));
    await sleep(100);
    await server.start();
    sql = await connect();
    expect(await caller.await(await lucky)).to.include({ ok: true, value: 4 });
    expect((await sql.query("select args from baton.jobs")).rows).to.deep.equal([{ args: { int: 2 } }]);
  }).timeout(60_000);

  it("stopping while the database is away rejects awaits and ends the process, in bounded time", async () => {
    using gate = new Gate();
    const relays = await caller.asyncMany(Array.from({ length: 10 }, () => gated.new({ gate: gate.path })));
    const awaiting = rejection(caller.awaitMany(relays, { timeout: Number.POSITIVE_INFINITY }));
    const child = await hosts.spawn({ queues: { other: 1 } });
    await gate.started(4);
    await server.stop("immediate");
    gate.open();
    const start = performance.now();
    child.process.kill("SIGTERM");
    await Promise.all([caller.stop(), host.stop()]);
    print(`two stopped in ${Math.round(performance.now() - start)} ms`);
    expect(await awaiting).to.be.instanceOf(StoppedError);
    expect(await child.process.exited).to.deep.equal({ code: 0, signal: null });
    await server.start();
    sql = await connect();
    // Outcomes that they could not write are not lost: others run the jobs.
    const next = await hosts.start();
    const results = await next.awaitMany(relays, { timeout: 40_000, withRetries: true });
    for (const result of results) expect(result).to.include({ ok: true });
  }).timeout(90_000);

  for (const by of ["another host", "the caller itself"]) {
    describe(`a reply is lost with its connection, the job runs on ${by}:`, () => {
      for (const statement of ["baton_insert", "baton_claim", "baton_complete"]) {
        it(`the reply to ${statement}: one row, one run, one result`, async () => {
          const own = by === "the caller itself";
          // Without another host that could run it.
          const solo = { queues: { solo: 1 }, threads: 1 };
          const runner = await hosts.start(solo);
          const awaiter = own ? runner : caller;
          using gate = new Gate();
          const lost = proxy.loseReplyTo(statement);
          if (own && statement === "baton_claim") await caller.insert(double.new({ int: 0 }, { queue: "solo" }));
          const relay = await awaiter.async(gated.new({ gate: gate.path }, { queue: "solo" }));
          gate.open();
          expect(await awaiter.await(relay, 25_000)).to.include({ ok: true, value: "through on attempt 1" });
          await lost;
          const { rows } = await sql.query("select state, attempt from baton.jobs where id = $1", [relay.job.id]);
          expect(rows).to.deep.equal([{ state: 4, attempt: 1 }]);
          expect(gate.starts).to.have.length(1);
          expect(runner.status().events).to.not.have.any.keys("claim:lost", "rescue");
        });
      }
    });
  }
});
