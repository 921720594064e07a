import { expect } from "chai";
import type { Baton, JobRow, NewJob } from "../../lib/index.js";
import double from "../../examples/workers/double.js";
import { Gate } from "../support/gate.js";
import { rowOf } from "../support/hosts.js";
import { useSystem } from "../support/system.js";
import { until } from "../support/until.js";
import { fail } from "../workers/fail.js";
import { bytes, defaulted, drowsy, flaky } from "../workers/flaky.js";
import { gated } from "../workers/gated.js";
import { inspecting, returning } from "../workers/results.js";

const FINAL = { withRetries: true, timeout: 25_000 } as const;

describe("jobs:", () => {
  const { hosts, sql } = useSystem("suite");
  let baton: Baton;

  before(async () => {
    baton = await hosts.start({
      threads: 4,
      queues: { default: 4, one: 1, two: 2, paused: { limit: 4, paused: true } },
    });
  });

  async function idsBy(filter: Parameters<Baton["jobs"]>[0]): Promise<number[]> {
    const ids: number[] = [];
    for await (const { id } of baton.jobs(filter)) ids.push(id);
    return ids;
  }

  describe("states", () => {
    it("all seven are reached, and listed by name", async () => {
      using gate = new Gate();
      const ends: readonly (readonly [JobRow["state"], NewJob])[] = [
        ["scheduled", returning.new({ what: "snooze" })],
        ["available", double.new({ int: 1 }, { queue: "paused" })],
        ["executing", gated.new({ gate: gate.path })],
        ["retryable", fail.new({ what: "error" })],
        ["completed", double.new({ int: 1 })],
        ["discarded", returning.new({ what: "discard" })],
        ["cancelled", returning.new({ what: "cancel" })],
      ];
      for (const [state, job] of ends) {
        const { id } = (await baton.async(job)).job;
        const row = await until(async () => {
          const row = await rowOf(baton, id);
          return row.state === state && row;
        }, `job ${id} to be ${state}`);
        const over = ["completed", "discarded", "cancelled"].includes(state);
        expect(row.finishedAt !== null, `${state} is finished`).to.equal(over);
        expect(row.attemptedAt !== null, `${state} was begun`).to.equal(state !== "available");
        expect(await idsBy({ state })).to.include(id);
        expect((await sql.query("select state from baton.jobs_readable where id = $1", [id])).rows).to.deep.equal([
          { state },
        ]);
      }
    });

    it("counts returns how many wait or run, by queue", async () => {
      await baton.insertMany([1, 2].map((int) => double.new({ int }, { queue: "counted" })));
      expect(await baton.counts()).to.deep.include({ queue: "counted", state: "available", jobs: 2 });
    });
  });

  describe("order", () => {
    it("is by priority, then by time, then by id", async () => {
      using gate = new Gate();
      const early = new Date(Date.now() - 60_000);
      const jobs: readonly (readonly [label: string, options: object])[] = [
        ["fourth", { priority: 2 }],
        ["third", { priority: 1 }],
        ["first", { priority: 0, scheduledAt: early }],
        ["second", { priority: 0 }],
        ["fifth", { priority: 2 }],
      ];
      const queue = "ordered";
      const relays = await baton.asyncMany(
        jobs.map(([label, options]) => gated.new({ gate: gate.path, label }, { queue, ...options })),
      );
      gate.open();
      await hosts.start({ threads: 1, queues: { [queue]: 1 } });
      await baton.awaitMany(relays, 20_000);
      const starts = gate.starts;
      expect(starts.map(({ label }) => label)).to.deep.equal(["first", "second", "third", "fourth", "fifth"]);
    });
  });

  describe("time", () => {
    it("scheduleIn: not before so many ms by the database's clock", async () => {
      const relay = await baton.async(double.new({ int: 1 }, { scheduleIn: 700 }));
      expect(await rowOf(baton, relay.job.id)).to.include({ state: "scheduled", attempt: 0 });
      expect(await baton.await(relay, 20_000)).to.include({ ok: true, value: 2 });
      const { scheduledAt, insertedAt, attemptedAt } = await rowOf(baton, relay.job.id);
      expect(scheduledAt.getTime() - insertedAt.getTime()).to.equal(700);
      expect(attemptedAt?.getTime()).to.be.at.least(scheduledAt.getTime());
    });

    it("scheduledAt: not before that moment", async () => {
      const scheduledAt = new Date(Date.now() + 700);
      const relay = await baton.async(double.new({ int: 1 }, { scheduledAt }));
      expect(await baton.await(relay, 20_000)).to.include({ ok: true, value: 2 });
      const row = await rowOf(baton, relay.job.id);
      expect(row.scheduledAt).to.deep.equal(scheduledAt);
      expect(row.attemptedAt?.getTime()).to.be.at.least(scheduledAt.getTime());
    });

    it("a moment in the past is now", async () => {
      const relay = await baton.async(double.new({ int: 1 }, { scheduledAt: new Date(0) }));
      expect(await baton.await(relay)).to.include({ ok: true, value: 2 });
    });

    it("a job that is not due stays where it is", async () => {
      const relay = await baton.async(double.new({ int: 1 }, { scheduleIn: 3_600_000 }));
      const result = await baton.await(relay, 1);
      expect(result).to.include({ ok: false, error: "timeout" });
      expect(result.job).to.include({ state: "scheduled", attempt: 0 });
    });
  });

  describe("retries", () => {
    it("go on until an attempt succeeds, each failure in the row's history", async () => {
      const relay = await baton.async(flaky.new({ failures: 2 }));
      expect(await baton.await(relay, FINAL)).to.include({ ok: true, value: "attempt 3 succeeds" });
      const row = await rowOf(baton, relay.job.id);
      expect(row).to.include({ state: "completed", attempt: 3 });
      expect(row.errors.map(({ attempt }) => attempt)).to.deep.equal([1, 2]);
      for (const { at, attempt, error } of row.errors) {
        expect(new Date(at).getTime()).to.be.at.least(row.insertedAt.getTime());
        expect(error).to.match(new RegExp(`^Error: attempt ${attempt} fails\\n.*flaky`, "s"));
      }
    });

    it("end after maxAttempts: the job is discarded, and its awaiter gets the last error", async () => {
      const relay = await baton.async(flaky.new({ failures: 9 }, { maxAttempts: 3 }));
      const result = await baton.await(relay, FINAL);
      expect(result).to.have.nested.property("error.message", "attempt 3 fails");
      const row = await rowOf(baton, relay.job.id);
      expect(row).to.include({ state: "discarded", attempt: 3, maxAttempts: 3 });
      expect(row.errors).to.have.length(3);
    });

    it("wait for the backoff, Oban's by default", async () => {
      const relay = await baton.async(fail.new({ what: "error" }));
      await baton.await(relay);
      const { scheduledAt, attemptedAt, state } = await rowOf(baton, relay.job.id);
      expect(state).to.equal("retryable");
      // From the moment it failed, which is a little after its start.
      expect(scheduledAt.getTime() - (attemptedAt?.getTime() ?? 0)).to.be.within(17_000, 18_700 + 20_000);
    });

    it("keep the newest ten errors on the row", async () => {
      const relay = await baton.async(flaky.new({ failures: 99 }, { maxAttempts: 12 }));
      // Twelve attempts, without waiting for the look between them.
      const done = baton.await(relay, FINAL);
      let over = false;
      void done.finally(() => {
        over = true;
      });
      await until(
        async () => {
          await sql.query("update baton.jobs set state = 1 where id = $1 and state = 3", [relay.job.id]);
          await sql.query("select pg_notify('baton.insert', 'default')");
          return over;
        },
        "twelve attempts",
        25_000,
      );
      expect(await done).to.have.nested.property("error.message", "attempt 12 fails");
      const { errors } = await rowOf(baton, relay.job.id);
      expect(errors.map(({ attempt }) => attempt)).to.deep.equal([3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    });

    it("keep at most 4,000 characters of each", async () => {
      const relay = await baton.async(fail.new({ what: "long" }));
      await baton.await(relay);
      const { errors } = await rowOf(baton, relay.job.id);
      expect(errors[0]?.error.length).to.be.within(3_000, 4_000);
    });
  });

  describe("control values", () => {
    it("snooze uses up no attempt", async () => {
      const relay = await baton.async(drowsy.new({}, { maxAttempts: 1, queue: "one" }));
      expect(await baton.await(relay)).to.include({ ok: false, error: "snoozed", seconds: 0 });
      expect(await baton.await(relay, FINAL)).to.include({ ok: true, value: 1 });
      const row = await rowOf(baton, relay.job.id);
      expect(row).to.include({ state: "completed", attempt: 1 });
      expect(row.errors).to.deep.equal([]);
    });

    it("snooze delays the job by its seconds", async () => {
      const relay = await baton.async(returning.new({ what: "snooze" }));
      await baton.await(relay);
      const row = await rowOf(baton, relay.job.id);
      expect(row).to.include({ state: "scheduled", attempt: 0 });
      expect(row.scheduledAt.getTime() - (row.attemptedAt?.getTime() ?? 0)).to.be.at.least(7_000);
    });

    for (const [what, state, reason] of [
      ["discard", "discarded", /^Discarded: .*of this/s],
      ["cancel", "cancelled", /^Cancelled: not wanted/],
      ["cancel without reason", "cancelled", /^Cancelled$/],
    ] as const) {
      it(`${what} ends the job at its first attempt, the reason in its history`, async () => {
        const relay = await baton.async(returning.new({ what }));
        await baton.await(relay, FINAL);
        const row = await rowOf(baton, relay.job.id);
        expect(row).to.include({ state, attempt: 1 });
        expect(row.errors).to.have.length(1);
        expect(row.errors[0]?.error).to.match(reason);
      });
    }

    it("a reason that cannot be encoded does not undo the outcome", async () => {
      const relays = await baton.asyncMany([
        returning.new({ what: "cancel for a function" }),
        returning.new({ what: "cancel for too much" }),
      ]);
      for (const result of await baton.awaitMany(relays)) {
        expect(result).to.include({ ok: false, error: "cancelled" });
      }
    });
  });

  describe("insertion", () => {
    it("passes every option of the job to perform", async () => {
      const job = inspecting.new(
        { a: 1 },
        { priority: 3, maxAttempts: 5, tags: ["t", "ü"], meta: { m: [{ n: null }] } },
      );
      const { job: seen } = await baton.call(job);
      const [id] = await idsBy({ tag: "ü" });
      const {
        state: _state,
        finishedAt: _end,
        attemptedBy: _by,
        errors: _errors,
        ...row
      } = await rowOf(baton, id ?? 0);
      expect(seen).to.deep.equal(row);
      expect(row).to.deep.include({ priority: 3, maxAttempts: 5, tags: ["t", "ü"], meta: { m: [{ n: null }] } });
    });

    it("applies the defaults of the worker to options that the job leaves out", async () => {
      const { id, queue } = await baton.insert(defaulted.new());
      expect(queue).to.equal("special");
      expect(await rowOf(baton, id)).to.deep.include({
        queue: "special",
        priority: 7,
        maxAttempts: 3,
        tags: ["from", "worker"],
        meta: { from: "worker" },
      });
    });

    it("lets a job override them one by one", async () => {
      const { id } = await baton.insert(defaulted.new({}, { queue: "paused", maxAttempts: 1, tags: [] }));
      expect(await rowOf(baton, id)).to.deep.include({
        queue: "paused",
        priority: 7,
        maxAttempts: 1,
        tags: [],
        meta: { from: "worker" },
      });
    });

    it("keeps the order of insertMany, with rising ids", async () => {
      const jobs = Array.from({ length: 50 }, (_, int) => double.new({ int }, { queue: "paused", tags: ["many"] }));
      const inserted = await baton.insertMany(jobs);
      const ids = inserted.map(({ id }) => id);
      expect(ids).to.deep.equal([...ids].sort((a, b) => a - b));
      const listed: unknown[] = [];
      for await (const { args } of baton.jobs({ tag: "many" })) listed.push(args);
      expect(listed).to.deep.equal(jobs.map(({ args }) => args));
    });

    it("gives a job that is not awaited no awaiting host and no slot", async () => {
      const { held } = baton.status().relays;
      const { id } = await baton.insert(bytes.new({ size: 1 }, { queue: "paused" }));
      expect((await sql.query("select reply_to from baton.jobs where id = $1", [id])).rows).to.deep.equal([
        { reply_to: [] },
      ]);
      expect(baton.status().relays.held).to.equal(held);
    });
  });

  describe("queues", () => {
    for (const [queue, limit] of [
      ["one", 1],
      ["two", 2],
    ] as const) {
      it(`never run more than their limit of ${limit}, however many wait and threads are free`, async () => {
        using gate = new Gate();
        const relays = await baton.asyncMany(
          Array.from({ length: 12 }, () => gated.new({ gate: gate.path }, { queue, tags: ["limited"] })),
        );
        await gate.started(limit);
        // Further events would have arrived by now: this job has run from insert to result.
        await baton.call(double.new({ int: 1 }));
        expect(await idsBy({ queue, state: "executing" })).to.have.length.at.least(limit);
        expect(gate.most).to.equal(limit);
        gate.open();
        await baton.awaitMany(relays, 20_000);
        expect(gate.most).to.equal(limit);
      });
    }

    it("run nothing while paused; another host may run their jobs", async () => {
      const relay = await baton.async(double.new({ int: 4 }, { queue: "paused" }));
      await baton.call(double.new({ int: 1 }));
      expect(await rowOf(baton, relay.job.id)).to.include({ state: "available", attempt: 0 });
      const other = await hosts.start({ queues: { paused: 1 }, threads: 1 });
      expect(await baton.await(relay, 20_000)).to.include({ ok: true, value: 8 });
      expect((await rowOf(baton, relay.job.id)).attemptedBy).to.equal(other.status().host);
    });

    it("do not delay each other when full", async () => {
      using gate = new Gate();
      const held = await baton.asyncMany(
        Array.from({ length: 5 }, () => gated.new({ gate: gate.path }, { queue: "two" })),
      );
      await gate.started(2);
      expect(await baton.call(double.new({ int: 2 }))).to.equal(4);
      gate.open();
      await baton.awaitMany(held, 20_000);
    });
  });
});
