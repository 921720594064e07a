import { expect } from "chai";
import { Gate } from "../support/gate.js";
import { useSystem } from "../support/system.js";
import { gated } from "../workers/gated.js";

describe("the status of a host", () => {
  const { hosts, sql } = useSystem("test");

  it("counts a job in a process of its own as a busy thread", async () => {
    const caller = await hosts.start();
    const relay = await caller.async(gated.new({ gate: "" }, { scheduleIn: 3_600_000 }));
    using gate = new Gate();
    const args = JSON.stringify({ gate: gate.path });
    // As if two hosts had died while they ran it.
    await sql.query("update baton.jobs set crashes = 2, deaths = 2, scheduled_at = now(), args = $1", [args]);
    const host = await hosts.start({ queues: { default: 2 } });
    await gate.started();
    const { queues, threads } = host.status();
    expect(queues).to.deep.equal([{ queue: "default", running: 1, waiting: 0 }]);
    expect(threads).to.deep.equal({ size: 2, busy: 1, ending: 0 });
    gate.open();
    expect(await caller.await(relay, 10_000)).to.include({ ok: true });
  });
});
