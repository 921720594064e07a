import { expect } from "chai";
import pg from "pg";
import { type Embedded, startEmbedded } from "../../lib/embedded.js";
import type { BatonOptions } from "../../lib/index.js";
import double from "../../examples/workers/double.js";
import { Gate } from "../support/gate.js";
import { Hosts } from "../support/hosts.js";
import { print } from "../support/print.js";
import { useSystem } from "../support/system.js";
import { until } from "../support/until.js";
import { gated } from "../workers/gated.js";

const QUEUES = { default: 4 };
const JOBS = 50;

describe("durability:", () => {
  let server: Embedded;
  let hosts: Hosts;

  beforeEach(async () => {
    server = await startEmbedded();
    hosts = new Hosts(server.url);
  });

  afterEach(async () => {
    await hosts.stop();
    await server.remove();
  });

  async function ask<Row extends object>(...statements: string[]): Promise<Row[]> {
    const sql = new pg.Client(server.url);
    await sql.connect();
    let rows: Row[] = [];
    for (const statement of statements) rows = (await sql.query<Row>(statement)).rows;
    await sql.end();
    return rows;
  }

  /** Runs jobs, crashes the server at once, and returns how many of their ends it had forgotten. */
  async function crashAfter(options: Pick<BatonOptions, "durability">): Promise<number> {
    const caller = await hosts.start({ ...options, queues: QUEUES });
    // Relaxed commits reach the disk after 10 s, or together with a commit that waits for it.
    await ask("alter system set wal_writer_delay = '10s'", "select pg_reload_conf()");
    const relays = await caller.asyncMany(Array.from({ length: JOBS }, (_, int) => double.new({ int })));
    const results = await caller.awaitMany(relays, 20_000);
    await server.stop("immediate");
    await server.start();
    for (const [int, result] of results.entries()) expect(result).to.include({ ok: true, value: 2 * int });
    const unfinished = "select count(*)::int as jobs from baton.jobs where state <> 4";
    const [forgotten] = await ask<{ jobs: number }>(unfinished);
    await until(
      async () => (await ask<{ jobs: number }>(unfinished))[0]?.jobs === 0,
      "all to be finished again",
      20_000,
    );
    expect(await ask("select id from baton.jobs"), "all were inserted for good").to.have.length(JOBS);
    return forgotten?.jobs ?? 0;
  }

  it("by default, a crash of the database loses no delivered result", async () => {
    expect(await crashAfter({})).to.equal(0);
  });

  it("relaxed, a crash may lose the ends of jobs: they run again, and none is left behind", async () => {
    const forgotten = await crashAfter({ durability: "relaxed" });
    print(`${forgotten} of ${JOBS} jobs ran again`);
    expect(forgotten).to.be.above(0);
  });
});

describe("delivery:", () => {
  const { hosts, sql } = useSystem("suite, with resets");

  for (const [delivery, first] of [
    ["committed", "the row"],
    ["early", "the result"],
  ] as const) {
    it(`${delivery}: ${first} comes first`, async () => {
      using gate = new Gate();
      const host = await hosts.start({ queues: QUEUES, delivery });
      const relay = await host.async(gated.new({ gate: gate.path }));
      await gate.started();
      const told: string[] = [];
      const result = host.await(relay, 20_000).then((answer) => {
        told.push("the result");
        return answer;
      });
      // The lock makes every write of the row wait.
      await sql.query("begin");
      await sql.query("select from baton.jobs where id = $1 for update", [relay.job.id]);
      gate.open();
      const writing = "select from pg_stat_activity where wait_event_type = 'Lock' and query like '%update%'";
      await until(async () => (await sql.query(writing)).rowCount === 1, "the completion to wait");
      if (delivery === "early") await result;
      told.push("the row");
      await sql.query("commit");
      expect(await result).to.include({ ok: true, value: "through on attempt 1", via: "local" });
      expect(told[0]).to.equal(first);
    });
  }
});
