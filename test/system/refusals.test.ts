import { expect } from "chai";
import pg from "pg";
import { type Embedded, startEmbedded } from "../../lib/embedded.js";
import { type Baton, DatabaseError } from "../../lib/index.js";
import double from "../../examples/workers/double.js";
import { Gate } from "../support/gate.js";
import { useSystem } from "../support/system.js";
import { until } from "../support/until.js";
import { gated } from "../workers/gated.js";

const QUEUES = { default: 10 };

describe("refusals of the database:", () => {
  let server: Embedded;
  let caller: Baton;
  let host: Baton;
  const { hosts, sql } = useSystem("suite", async () => {
    // The smallest queue that PostgreSQL allows: 64 pages of 8 kB.
    server = await startEmbedded({ fsync: false, settings: { max_notify_queue_pages: "64" } });
    return { url: server.url, drop: () => server.remove() };
  });

  before(async () => {
    [caller, host] = await Promise.all([hosts.start(), hosts.start({ queues: QUEUES })]);
  });

  /** Fills the server's notification queue, by a listener that does not read. */
  async function fill(): Promise<pg.Client> {
    const sleeper = new pg.Client(server.url);
    await sleeper.connect();
    await sleeper.query("listen nothing");
    await sleeper.query("begin");
    const full = async (): Promise<boolean> => {
      try {
        await sql.query("select pg_notify('nothing', repeat('x', 7000) || n) from generate_series(1, 10) n");
        return false;
      } catch (error) {
        return (error as { code?: string }).code === "54000";
      }
    };
    await until(full, "the queue to be full");
    return sleeper;
  }

  it("a full notification queue stops nothing: jobs are inserted, run and completed, and results are found", async () => {
    using gate = new Gate();
    const before = await caller.async(gated.new({ gate: gate.path }));
    const first = caller.await(before, 25_000);
    await gate.started();
    const sleeper = await fill();
    gate.open();
    const during = await caller.asyncMany(Array.from({ length: 20 }, (_, int) => double.new({ int })));
    const later = await caller.async(double.new({ int: 100 }, { scheduleIn: 300 }));
    const last = caller.await(later, 25_000);
    expect(await first).to.include({ ok: true, via: "reconcile" });
    const values = (await caller.awaitMany(during, 25_000)).map((result) => result.ok && result.value);
    expect(values).to.deep.equal(during.map((_, int) => 2 * int));
    expect(await last).to.include({ ok: true, value: 200 });
    await until(() => caller.status().notifier === "polling", "the caller to see that nothing arrives", 20_000);

    await sleeper.end();
    await until(() => caller.status().notifier === "notify", "notifications to be back", 20_000);
    const after = await caller.async(double.new({ int: 7 }));
    expect(await caller.await(after)).to.include({ ok: true, value: 14, via: "notify" });
  }).timeout(90_000);

  it("an outcome that can never be written fails its own job, is reported, and delays no other", async () => {
    await sql.query(`
      create function refuse() returns trigger language plpgsql as
        $$ begin if new.state = 4 then raise exception 'not this one'; end if; return new; end $$;
      create trigger refuse before update on baton.jobs for each row when (old.args ->> 'int' = '13') execute function refuse()`);
    try {
      const relays = await caller.asyncMany(Array.from({ length: 30 }, (_, int) => double.new({ int })));
      const results = await caller.awaitMany(relays, 25_000);
      for (const [int, result] of results.entries()) {
        if (int !== 13) expect(result).to.include({ ok: true, value: 2 * int });
        else if (result.ok) throw new Error("it was to be refused");
        else
          expect(result.error).to.be.instanceOf(DatabaseError).with.property("message").that.includes("not this one");
      }
      expect(host.status().events["service:error"]).to.be.at.least(1);
    } finally {
      await sql.query("drop trigger refuse on baton.jobs; drop function refuse");
    }
  });
});
