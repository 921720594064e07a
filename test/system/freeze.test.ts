import { expect } from "chai";
import double from "../../examples/workers/double.js";
import { Gate } from "../support/gate.js";
import { statusOf } from "../support/hosts.js";
import { print } from "../support/print.js";
import { useSystem } from "../support/system.js";
import { until } from "../support/until.js";
import { gated, stubborn } from "../workers/gated.js";

const QUEUES = { default: 2 };

describe("a host that is frozen for longer than its lease", function () {
  this.timeout(90_000);
  const { hosts, sql } = useSystem("suite");

  it("loses its jobs to others; when it thaws, it ends its runs, reports no outcome, and goes on as a healthy host", async () => {
    using gate = new Gate();
    const caller = await hosts.start();
    const { process, host } = await hosts.spawn({ queues: QUEUES });
    const relays = await caller.asyncMany([
      gated.new({ gate: gate.path, label: "gated" }),
      stubborn.new({ gate: gate.path, label: "stubborn" }),
    ]);
    await gate.started(2);
    const other = await hosts.start({ queues: QUEUES });
    const frozen = performance.now();
    process.kill("SIGSTOP");
    const results = caller.awaitMany(relays, { timeout: Number.POSITIVE_INFINITY });
    await until(() => gate.starts.length === 4, "the jobs to run elsewhere", 60_000);
    print(`its jobs ran elsewhere ${Math.round(performance.now() - frozen)} ms after it was frozen`);

    process.kill("SIGCONT");
    // It ends its own runs although their gate is closed: the one that
    // heeds its signal, and the one that does not.
    const status = await until(async () => {
      const now = await statusOf(process);
      return now.events["host:lost"] === 1 && now.queues[0]?.running === 0 && now.unwritten === 0 ? now : null;
    }, "the frozen host to let go");
    expect(status.events["claim:lost"]).to.equal(2);
    expect(status.host).to.equal(host);
    expect(gate.events.filter(({ word }) => word === "stop")).to.deep.equal([]);

    gate.open();
    for (const result of await results) expect(result).to.include({ ok: true, value: "through on attempt 2" });
    expect(other.status().events).to.include({ rescue: 1 });
    const rows = await sql.query("select attempted_by from baton.jobs where state = 4");
    expect(rows.rows).to.deep.equal([{ attempted_by: other.status().host }, { attempted_by: other.status().host }]);

    await other.stop();
    expect(await caller.call(double.new({ int: 4 }), 20_000), "the thawed host runs jobs").to.equal(8);
    const registered = await sql.query("select id from baton.hosts");
    expect(registered.rows).to.deep.equal([{ id: host }]);
  });
});
