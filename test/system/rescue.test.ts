import { expect } from "chai";
import { HostLostError, type Relay } from "../../lib/index.js";
import double from "../../examples/workers/double.js";
import { Gate } from "../support/gate.js";
import { rowsOf } from "../support/hosts.js";
import { print } from "../support/print.js";
import { useSystem } from "../support/system.js";
import { until } from "../support/until.js";
import { gated, stubborn } from "../workers/gated.js";

const QUEUES = { default: 2 };

describe("rescue:", () => {
  const { hosts, sql } = useSystem("suite, with resets");

  for (const worker of [gated, stubborn]) {
    it(`a host is killed with SIGKILL: another runs its job (${worker.name}) again, and the awaiter gets one result`, async () => {
      using gate = new Gate();
      const [caller, { process, host }] = await Promise.all([hosts.start(), hosts.spawn({ queues: QUEUES })]);
      const relay = await caller.async(worker.new({ gate: gate.path }));
      const result = caller.await(relay, 25_000);
      await gate.started();
      const second = await hosts.start({ queues: QUEUES });
      process.kill("SIGKILL");
      const killed = performance.now();
      await gate.started(2);
      print(`back in work ${Math.round(performance.now() - killed)} ms after it was killed`);
      gate.open();
      expect(await result).to.include({ ok: true, value: "through on attempt 2", via: "notify" });

      const [row] = await rowsOf(await hosts.start(), [relay.job.id]);
      expect(row).to.include({ state: "completed", attempt: 2, attemptedBy: second.status().host });
      expect(row?.errors.map(({ attempt, error }) => `${attempt} ${error}`)).to.deep.equal([
        `1 HostLostError: Host ${host} was lost while it ran this job`,
      ]);
      expect(second.status().events).to.include({ rescue: 1 });
      expect((await sql.query("select id from baton.hosts")).rows).to.deep.equal([{ id: second.status().host }]);
    });
  }

  it("a job without an attempt left is discarded, and its awaiters get a HostLostError", async () => {
    using gate = new Gate();
    const [caller, other, { process, host }] = await Promise.all([
      hosts.start(),
      hosts.start(),
      hosts.spawn({ queues: QUEUES }),
    ]);
    const relay = await caller.async(gated.new({ gate: gate.path }, { maxAttempts: 1 }));
    const results = [caller.await(relay, 25_000), other.await(relay, { timeout: 25_000, withRetries: true })];
    await gate.started();
    await hosts.start({ queues: QUEUES });
    process.kill("SIGKILL");
    for (const result of await Promise.all(results)) {
      if (result.ok) throw new Error("it was to fail");
      expect(result.error).to.be.instanceOf(HostLostError);
      expect(result.error).to.have.property("message").that.includes(host);
      expect(result.job).to.include({ id: relay.job.id, state: "discarded" });
    }
    const [row] = await rowsOf(await hosts.start(), [relay.job.id]);
    expect(row).to.include({ state: "discarded", attempt: 1 });
    expect(gate.starts).to.have.length(1);
  });

  it("takes jobs from dead hosts only: a living host keeps its own, however long they run", async () => {
    using doomed = new Gate();
    using long = new Gate();
    const caller = await hosts.start();
    const living = await hosts.start({ queues: { long: 1 }, threads: 1 });
    const { process } = await hosts.spawn({ queues: { doomed: 1 } });
    const relays = [
      await caller.async(gated.new({ gate: long.path }, { queue: "long" })),
      await caller.async(gated.new({ gate: doomed.path }, { queue: "doomed" })),
    ];
    await Promise.all([long.started(), doomed.started()]);
    // By its row, the job began long ago.
    await sql.query("update baton.jobs set attempted_at = now() - interval '1 day' where id = $1", [relays[0]?.job.id]);
    process.kill("SIGKILL");
    await hosts.start({ queues: { doomed: 1 }, threads: 1 });
    await doomed.started(2);
    long.open();
    doomed.open();
    const results = await caller.awaitMany(relays, 25_000);
    expect(results.map((result) => result.ok && result.value)).to.deep.equal([
      "through on attempt 1",
      "through on attempt 2",
    ]);
    expect(results[0]?.job.host ?? living.status().host).to.equal(living.status().host);
  });

  it("every job that a killed host held runs again, and each result arrives once", async () => {
    using gate = new Gate();
    const [caller, { process }] = await Promise.all([
      hosts.start(),
      hosts.spawn({ queues: { default: 4 }, threads: 4 }),
    ]);
    const relays = await caller.asyncMany(Array.from({ length: 12 }, () => gated.new({ gate: gate.path })));
    const results = caller.awaitMany(relays, 25_000);
    await gate.started(4);
    process.kill("SIGKILL");
    gate.open();
    await hosts.start({ queues: { default: 4 }, threads: 4 });
    for (const result of await results) expect(result).to.include({ ok: true });
    const rows = await rowsOf(
      await hosts.start(),
      relays.map(({ job }) => job.id),
    );
    expect(new Set(rows.map(({ state }) => state))).to.deep.equal(new Set(["completed"]));
  });

  it("jobs that a killed host had claimed ahead but not begun lose no attempt, and run once", async () => {
    using gate = new Gate();
    using log = new Gate();
    log.open();
    const [caller, { process, host }] = await Promise.all([
      hosts.start(),
      hosts.spawn({ queues: { default: 100 }, threads: 1 }),
    ]);
    // After short jobs, the host claims ahead.
    await caller.awaitMany(await caller.asyncMany(Array.from({ length: 50 }, (_, int) => double.new({ int }))));
    const running = await caller.async(gated.new({ gate: gate.path }));
    await gate.started();
    const relays = await caller.asyncMany(
      Array.from({ length: 20 }, () => gated.new({ gate: log.path }, { maxAttempts: 1 })),
    );
    const held = async (): Promise<number> =>
      (await sql.query("select from baton.jobs where state = 2 and attempted_by = $1", [host])).rowCount ?? 0;
    const ahead = (await until(async () => ((await held()) > 1 ? held() : 0), "jobs claimed ahead")) - 1;
    process.kill("SIGKILL");
    await process.exited;
    gate.open();
    await hosts.start({ queues: { default: 100 } });
    for (const result of await caller.awaitMany([running, ...relays], 25_000)) expect(result).to.include({ ok: true });
    const rows = await rowsOf(
      await hosts.start(),
      relays.map(({ job }) => job.id),
    );
    expect(rows.map(({ attempt, errors }) => ({ attempt, errors }))).to.deep.equal(
      relays.map(() => ({ attempt: 1, errors: [] })),
    );
    expect(log.starts).to.have.length(20);
    expect((await rowsOf(await hosts.start(), [running.job.id]))[0]).to.include({ attempt: 2 });
    print(`${ahead} jobs were claimed ahead`);
  });

  it("the process that awaits a job is killed: the job goes on, and another process gets its result", async () => {
    using gate = new Gate();
    const [host, { process }] = await Promise.all([hosts.start({ queues: QUEUES }), hosts.spawn()]);
    process.send({ insert: gated.new({ gate: gate.path }) });
    const { relay } = await process.receive<{ relay: Relay }>((message) => "relay" in message);
    process.send({ await: relay, options: 20_000 });
    await gate.started();
    process.kill("SIGKILL");
    await process.exited;
    gate.open();
    expect(await (await hosts.start()).await(relay, 20_000)).to.include({ ok: true, value: "through on attempt 1" });
    expect(host.status().events).to.not.have.property("rescue");
  });

  it("a living host that lost its job to another: its late outcome is refused and counted, and never delivered", async () => {
    using gate = new Gate();
    const caller = await hosts.start();
    const host = await hosts.start({ queues: QUEUES });
    const relay = await caller.async(gated.new({ gate: gate.path }));
    const result = caller.await(relay, 25_000);
    await gate.started();
    // As a rescue does. The same host runs the job again, beside its first
    // run, under another claim.
    await sql.query("update baton.jobs set state = 1 where id = $1", [relay.job.id]);
    await sql.query("select pg_notify('baton.insert', 'default')");
    await gate.started(2);
    gate.open();
    expect(await result).to.include({ ok: true, value: "through on attempt 2" });
    await until(() => host.status().events["claim:lost"] === 1, "the first run to meet the fence");
    const [row] = await rowsOf(await hosts.start(), [relay.job.id]);
    expect(row).to.include({ state: "completed", attempt: 2 });
    expect(await (await hosts.start()).await(relay)).to.include({ value: "through on attempt 2" });
  });
});
