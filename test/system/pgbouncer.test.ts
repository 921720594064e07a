import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { expect } from "chai";
import type { Baton } from "../../lib/index.js";
import double from "../../examples/workers/double.js";
import { Gate } from "../support/gate.js";
import { Hosts } from "../support/hosts.js";
import { findPgBouncer, PgBouncer, type PgBouncerProgram } from "../support/pgbouncer.js";
import { print } from "../support/print.js";
import { useSystem } from "../support/system.js";
import { until } from "../support/until.js";
import { fail } from "../workers/fail.js";
import { flaky } from "../workers/flaky.js";
import { gated } from "../workers/gated.js";
import { noise, roomy } from "../workers/sizes.js";

const QUEUES = { default: 4 };
const TRANSACTION = { pool_mode: "transaction", max_prepared_statements: 100 };
const OPTIONS_IGNORED = { ignore_startup_parameters: "options" };

const program = findPgBouncer();

if (program === null)
  describe.skip("behind PgBouncer (skipped: there is no pgbouncer on this machine)", () => it("works"));
else describe(`behind PgBouncer ${program.version.join(".")}`, () => suite(program));

function suite(program: PgBouncerProgram): void {
  const system = useSystem("suite, with resets");
  const { sql } = system;
  let bouncer: PgBouncer;
  let hosts: Hosts;

  /** Runs the surrounding tests behind a PgBouncer with these settings. */
  function behind(settings: Readonly<Record<string, string | number>>): void {
    before(async () => {
      bouncer = await PgBouncer.start(program, system.url, settings);
      hosts = system.hostsAt(bouncer.url);
    });
    after(() => bouncer[Symbol.asyncDispose]());
  }

  function doubles(count: number) {
    return Array.from({ length: count }, (_, int) => double.new({ int }));
  }

  async function expectDoubled(caller: Baton, ...vias: string[]): Promise<void> {
    const results = await caller.awaitMany(await caller.asyncMany(doubles(100)), 20_000);
    for (const [int, result] of results.entries()) {
      expect(result).to.include({ ok: true, value: 2 * int });
      expect(result.ok && result.via).to.be.oneOf(vias);
    }
  }

  describe("in transaction mode,", () => {
    for (const [how, settings] of [
      ["refuses our planner settings", TRANSACTION],
      ["ignores our planner settings", { ...TRANSACTION, ...OPTIONS_IGNORED }],
      ["does not keep prepared statements", { ...TRANSACTION, ...OPTIONS_IGNORED, max_prepared_statements: 0 }],
    ] as const) {
      describe(`where it ${how}:`, () => {
        behind(settings);

        it("start detects and reports that notifications do not arrive", async () => {
          const said: unknown[] = [];
          const listener = (event: unknown): void => void said.push(event);
          subscribe("pg-baton:notifier:mode", listener);
          const baton = await hosts.start({ name: "told", queues: QUEUES });
          unsubscribe("pg-baton:notifier:mode", listener);
          expect(baton.status()).to.include({ state: "started", notifier: "polling" });
          expect(said).to.have.length(1);
          expect(said[0]).to.include({ instance: "told", mode: "polling" });
        });

        it("a hundred results of another process arrive", async () => {
          const [caller] = await Promise.all([hosts.start(), hosts.spawn({ queues: QUEUES })]);
          await expectDoubled(caller, "reconcile");
          expect(await caller.call(double.new({ int: 4 }), 20_000)).to.equal(8);
          expect(caller.status()).to.have.property("notifier", "polling");
          expect(caller.status().events, "no change of mind, and no error").to.deep.equal({
            reconcile: caller.status().events.reconcile,
            "notifier:mode": 1,
          });
        });
      });
    }

    describe("with any other settings:", () => {
      behind({ ...TRANSACTION, ...OPTIONS_IGNORED });

      it("a host awaits its own jobs, and their errors", async () => {
        const host = await hosts.start({ queues: QUEUES });
        // A lookup may overtake the delivery within the process.
        await expectDoubled(host, "local", "reconcile");
        const result = await host.await(await host.async(fail.new({ what: "error" })));
        expect(result).to.have.property("ok", false);
        expect(result.ok || String(result.error)).to.equal("OutOfPaperError: Tray 3 is empty");
      });

      it("large results arrive whole", async () => {
        const [caller] = await Promise.all([hosts.start(), hosts.spawn({ queues: QUEUES })]);
        const value = await caller.call(roomy.new({ size: 3_000_000 }), 20_000);
        expect(value.equals(noise(3_000_000))).to.equal(true);
      });

      it("retries, schedules and awaits of other processes work", async () => {
        const host = await hosts.spawn({ queues: QUEUES });
        const [caller, other] = await Promise.all([hosts.start(), hosts.start()]);
        const retried = await caller.async(flaky.new({ failures: 2 }));
        expect(await other.await(retried, { timeout: 20_000, withRetries: true })).to.include({
          ok: true,
          value: "attempt 3 succeeds",
          via: "reconcile",
        });
        expect(await caller.call(double.new({ int: 5 }, { scheduleIn: 300 }), 20_000)).to.equal(10);
        host.process.send({ await: retried, options: 20_000 });
        expect(await host.process.receive()).to.include({ ok: true, value: "attempt 3 succeeds" });
      });

      it("any number of jobs is listed", async () => {
        const caller = await hosts.start();
        const inserted = await caller.insertMany(doubles(450));
        const listed: number[] = [];
        for await (const { id } of caller.jobs()) listed.push(id);
        expect(listed).to.deep.equal(inserted.map(({ id }) => id));
      });

      it("a caller that is connected to the database directly gets results by notification", async () => {
        await hosts.spawn({ queues: QUEUES });
        const caller = await system.hosts.start();
        await expectDoubled(caller, "notify");
      });

      it("more clients than server connections get their turns", async () => {
        await using narrow = await PgBouncer.start(program, system.url, { ...TRANSACTION, default_pool_size: 2 });
        const crowd = new Hosts(narrow.url);
        const [one, two] = await Promise.all([crowd.start(), crowd.start(), crowd.start({ queues: QUEUES })]);
        await Promise.all([expectDoubled(one, "reconcile"), expectDoubled(two, "reconcile")]);
        await crowd.stop();
      });

      it("a job that runs when its host stops is released, and no connection is left", async () => {
        using gate = new Gate();
        const host = await hosts.start({ queues: QUEUES, shutdownGracePeriod: 0 });
        const { job } = await host.async(gated.new({ gate: gate.path }));
        await gate.started();
        await host.stop();
        const { rows } = await sql.query("select state, attempt from baton.jobs where id = $1", [job.id]);
        expect(rows).to.deep.equal([{ state: 1, attempt: 0 }]);
        expect((await sql.query("select id from baton.hosts")).rows).to.deep.equal([]);
        expect(host.status().events).to.not.have.any.keys("service:error", "claim:lost");
        await until(async () => (await bouncer.clients()).length === 0, "all to disconnect");
      });

      it("it is killed and comes back: hosts and callers reconnect, and every await gets its result", async () => {
        using gate = new Gate();
        const [caller] = await Promise.all([hosts.start(), hosts.spawn({ queues: QUEUES })]);
        const relays = await caller.asyncMany([gated.new({ gate: gate.path }), gated.new({ gate: gate.path })]);
        const results = caller.awaitMany(relays, 25_000);
        await gate.started(2);
        await bouncer.restart();
        gate.open();
        for (const result of await results) expect(result).to.include({ ok: true, value: "through on attempt 1" });
        await expectDoubled(caller, "reconcile");
      });

      it("a host is killed: another runs its jobs after the lease, and the living one keeps its own", async function () {
        this.timeout(90_000);
        using doomed = new Gate();
        using long = new Gate();
        const caller = await hosts.start();
        const [{ process }, living] = await Promise.all([
          hosts.spawn({ queues: { doomed: 2 } }),
          hosts.spawn({ queues: { long: 1 } }),
        ]);
        const relays = await caller.asyncMany([
          gated.new({ gate: doomed.path }, { queue: "doomed" }),
          gated.new({ gate: doomed.path }, { queue: "doomed" }),
          gated.new({ gate: long.path }, { queue: "long" }),
        ]);
        const results = caller.awaitMany(relays, { timeout: Number.POSITIVE_INFINITY });
        await Promise.all([doomed.started(2), long.started()]);
        const heir = await hosts.start({ queues: { doomed: 2 } });
        const killed = performance.now();
        process.kill("SIGKILL");
        const begun = (): number => doomed.starts.length;
        await until(() => begun() === 4, "its jobs to run elsewhere", 60_000);
        print(`its jobs ran elsewhere ${Math.round(performance.now() - killed)} ms after it was killed`);
        doomed.open();
        long.open();
        expect((await results).map((result) => result.ok && result.value)).to.deep.equal([
          "through on attempt 2",
          "through on attempt 2",
          "through on attempt 1",
        ]);
        living.process.send({ status: true });
        const { status } = await living.process.receive<{ status: ReturnType<Baton["status"]> }>();
        const rescues = [heir.status(), status].map(({ events }) => events.rescue ?? 0);
        expect(rescues[0]! + rescues[1]!, "rescues").to.equal(1);
        expect(status.events).to.not.have.any.keys("host:lost", "claim:lost");
        expect(heir.status().events).to.not.have.any.keys("host:lost", "claim:lost");
      });
    });
  });

  describe("in session mode", () => {
    behind({ pool_mode: "session" });

    it("notifications arrive and bring results", async () => {
      const [caller] = await Promise.all([hosts.start(), hosts.spawn({ queues: QUEUES })]);
      expect(caller.status().notifier).to.equal("notify");
      await expectDoubled(caller, "notify");
    });

    it("a host is killed: its sessions are the pooler's, so another runs its jobs after the lease", async () => {
      using gate = new Gate();
      const [caller, { process }] = await Promise.all([hosts.start(), hosts.spawn({ queues: QUEUES })]);
      const relay = await caller.async(gated.new({ gate: gate.path }));
      const result = caller.await(relay, 25_000);
      await gate.started();
      await hosts.start({ queues: QUEUES });
      const killed = performance.now();
      process.kill("SIGKILL");
      await gate.started(2);
      print(`its job ran elsewhere ${Math.round(performance.now() - killed)} ms after it was killed`);
      gate.open();
      expect(await result).to.include({ ok: true, value: "through on attempt 2", via: "notify" });
    });
  });
}
