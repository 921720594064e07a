import { expect } from "chai";
import pg from "pg";
import { ANSWER_KINDS, type Answer, answerWith, bareAnswer } from "../../lib/job/answer.js";
import type { ClaimedJob } from "../../lib/job/job.js";
import type { Transition } from "../../lib/job/transition.js";
import { Database } from "../../lib/postgres/database.js";
import { Engine } from "../../lib/postgres/engine.js";
import { migrate } from "../../lib/postgres/migrations.js";
import { statements } from "../../lib/postgres/statements.js";
import { formatEnvelope } from "../../lib/relay/envelope.js";
import { Telemetry } from "../../lib/telemetry.js";
import { createDatabase, type TestDatabase } from "../support/database.js";
import { newRow } from "../support/rows.js";
import { until } from "../support/until.js";

function completed(answer: Answer = bareAnswer(ANSWER_KINDS.completed)): Transition {
  return { state: "completed", answer, delay: 0, counted: true, error: null };
}

function valueOf(bytes: Uint8Array): Answer {
  return answerWith(ANSWER_KINDS.value, { encoding: "b", bytes });
}

describe("the engine", () => {
  let test: TestDatabase;
  let database: Database;
  let sql: pg.Client;
  let one: Engine;
  let two: Engine;
  let heard: { channel: string; payload: string }[];

  before(async () => {
    test = await createDatabase();
    database = new Database(test.url, "test", new Telemetry("test"));
    await database.start();
    await migrate(database, "baton");
    one = new Engine(database, "baton", "one");
    two = new Engine(database, "baton", "two");
    sql = new pg.Client({ connectionString: test.url });
    await sql.connect();
    sql.on("notification", ({ channel, payload = "" }) => heard.push({ channel, payload }));
    for (const channel of ["baton.insert", "baton.relay.one", "baton.relay.two"])
      await sql.query(`listen "${channel}"`);
  });

  after(async () => {
    await sql.end();
    await database.stop();
    await test.drop();
  });

  beforeEach(async () => {
    await sql.query("truncate baton.jobs, baton.hosts");
    await one.register("one", { default: 1 }, "0", null);
    await two.register("two", { default: 1 }, "0", null);
    heard = [];
  });

  async function claimOne(engine: Engine): Promise<ClaimedJob> {
    const [job] = await engine.claim("default", 1);
    if (job === undefined) throw new Error("nothing to claim");
    return job;
  }

  /** Resolves once every notification sent before has been heard. */
  async function settle(): Promise<void> {
    await sql.query("select pg_notify('baton.insert', 'settled')");
    await until(() => heard.some(({ payload }) => payload === "settled"), "the notifications");
    heard = heard.filter(({ payload }) => payload !== "settled");
  }

  describe("inserting", () => {
    it("keeps the order, and notifies each queue once", async () => {
      const rows = [
        newRow({ queue: "a" }),
        newRow({ queue: "b" }),
        newRow({ queue: "a" }),
        newRow({ queue: "c", scheduleIn: 60_000 }),
      ];
      const ids = (await one.insert(rows)).map(({ id }) => id);
      expect(ids).to.deep.equal(ids.toSorted((a, b) => a - b));
      await settle();
      expect(heard.map(({ payload }) => payload)).to.have.members(["a", "b"]);
    });

    it("inserts the same refs once, however often it is tried", async () => {
      const rows = [newRow(), newRow(), newRow()];
      const inserted = await one.insert(rows.slice(0, 2));
      const again = await one.insert(rows);
      expect(again.slice(0, 2)).to.deep.equal(inserted);
      expect((await one.counts())[0]).to.deep.equal({ queue: "default", state: "available", jobs: 3 });
    });

    it("hands over what it inserted as claimed, also when the first try's reply was lost", async () => {
      const row = newRow({ claimedBy: "one", tags: ["t"] });
      const [inserted] = await one.insert([row]);
      expect(inserted?.claimed).to.include({ claim: 1, attempt: 1, args: row.args, ref: row.ref });
      const [again] = await one.insert([row, newRow()]);
      expect(again?.claimed).to.include({ id: inserted?.id, claim: 1 });
      await settle();
      expect(heard.filter(({ payload }) => payload === "default")).to.have.length(1);
    });
  });

  describe("claiming", () => {
    it("goes by priority, then by time, then by id", async () => {
      const rows = [newRow({ priority: 1 }), newRow(), newRow({ scheduledAt: 1_000 }), newRow({ priority: 2 })];
      const ids = (await one.insert(rows)).map(({ id }) => id);
      const claimed = [await claimOne(one), await claimOne(one), await claimOne(one), await claimOne(one)];
      expect(claimed.map(({ id }) => id)).to.deep.equal([ids[2], ids[1], ids[0], ids[3]]);
    });

    it("never gives one job to two hosts", async () => {
      await one.insert(Array.from({ length: 200 }, () => newRow()));
      const claims = await Promise.all(
        Array.from({ length: 40 }, (_, at) => (at % 2 === 0 ? one : two).claim("default", 5)),
      );
      const ids = claims.flat().map(({ id }) => id);
      expect(new Set(ids).size).to.equal(ids.length);
      expect(ids.length + (await one.claim("default", 200)).length).to.equal(200);
    });

    it("gives nothing to a host that is not registered", async () => {
      await one.insert([newRow()]);
      expect(await new Engine(database, "baton", "stranger").claim("default", 1)).to.deep.equal([]);
    });

    it("lists what a host holds", async () => {
      await one.insert([newRow(), newRow()]);
      const job = await claimOne(one);
      expect(await one.held("default")).to.deep.equal([job]);
      expect(await two.held("default")).to.deep.equal([]);
    });
  });

  describe("completing", () => {
    it("writes the end of an attempt once", async () => {
      await one.insert([newRow()]);
      const { id, claim } = await claimOne(one);
      const ack = { id, claim, transition: completed() };
      expect(await one.complete([ack])).to.deep.equal([true]);
      expect(await one.complete([ack])).to.deep.equal([false]);
    });

    it("is refused to another host, to an older claim, and to a job that is not executing; the others in the batch are written", async () => {
      await one.insert([newRow(), newRow()]);
      const [first, second] = [await claimOne(one), await claimOne(one)];
      expect(await two.complete([{ ...first, transition: completed() }])).to.deep.equal([false]);
      const released: Transition = { state: "available", answer: null, delay: 0, counted: false, error: null };
      await one.complete([{ ...first, transition: released }]);
      const again = await claimOne(one);
      expect(again).to.include({ id: first.id, claim: 2, attempt: 1 });
      expect(await one.complete([{ ...first, transition: completed() }])).to.deep.equal([false]);
      expect(
        await one.complete([
          { ...first, transition: completed() },
          { ...second, transition: completed() },
          { ...again, transition: completed() },
        ]),
      ).to.deep.equal([false, true, true]);
    });

    for (const [what, answer] of [
      ["no value", bareAnswer(ANSWER_KINDS.completed)],
      ["a small value", valueOf(Buffer.from("some ?>~ value"))],
      ["5,979 bytes", valueOf(Buffer.alloc(5_979, 0xfb))],
      ["5,980 bytes", valueOf(Buffer.alloc(5_980, 0xfb))],
      ["a compressed error", answerWith(ANSWER_KINDS.exhausted, { encoding: "z", bytes: Buffer.from([1, 2, 255]) })],
    ] as const) {
      it(`tells those who await elsewhere, and stores, the very bytes: ${what}`, async () => {
        const row = newRow({ replyTo: "two" });
        await one.insert([newRow({ replyTo: "one" }), row]);
        const jobs = await one.claim("default", 2);
        await one.complete(jobs.map((job) => ({ ...job, transition: completed(answer) })));
        await settle();
        const envelopes = heard.filter(({ channel }) => channel.startsWith("baton.relay."));
        expect(envelopes).to.deep.equal([{ channel: "baton.relay.two", payload: formatEnvelope(row.ref, answer) }]);
        const [stored] = await two.fetch([row.ref], false);
        expect(stored?.answer).to.deep.equal({ ...answer, bytes: Buffer.from(answer.bytes) });
      });
    }

    it("keeps the newest ten errors", async () => {
      const [{ id } = { id: 0 }] = await one.insert([newRow({ maxAttempts: 99 })]);
      for (let attempt = 1; attempt <= 12; attempt += 1) {
        const job = await claimOne(one);
        await one.complete([
          { ...job, transition: { state: "available", answer: null, delay: 0, counted: true, error: `no ${attempt}` } },
        ]);
      }
      const { rows } = await sql.query<{ errors: { attempt: number; error: string }[] }>(
        "select errors from baton.jobs where id = $1",
        [id],
      );
      expect(rows[0]?.errors.map(({ attempt, error }) => [attempt, error])).to.deep.equal(
        Array.from({ length: 10 }, (_, at) => [at + 3, `no ${at + 3}`]),
      );
    });

    it("does not fail where the notifications cannot be sent", async () => {
      const row = newRow({ replyTo: "two" });
      await one.insert([row]);
      const job = await claimOne(one);
      // Stands in for a full notification queue, which raises the same code.
      const query = database.query.bind(database);
      database.query = async (statement, values) => {
        if (values.at(-1) === true)
          throw Object.assign(new Error("queue is full"), { code: "54000", severity: "ERROR" });
        return query(statement, values);
      };
      try {
        expect(await one.complete([{ ...job, transition: completed() }])).to.deep.equal([true]);
      } finally {
        database.query = query;
      }
      await settle();
      expect(heard.filter(({ channel }) => channel === "baton.relay.two")).to.deep.equal([]);
    });
  });

  describe("subscribing", () => {
    it("adds the host to those who are told, once, and reads what is there", async () => {
      const row = newRow();
      await one.insert([row]);
      expect((await two.fetch([row.ref], true))[0]).to.include({ state: "available", attempt: 0, answer: null });
      await two.fetch([row.ref], true);
      const job = await claimOne(one);
      await one.complete([{ ...job, transition: completed() }]);
      await settle();
      expect(heard.filter(({ channel }) => channel === "baton.relay.two")).to.have.length(1);
    });

    it("misses no outcome that is written meanwhile", async () => {
      await one.insert(Array.from({ length: 60 }, () => newRow()));
      const jobs = await one.claim("default", 60);
      const looks = jobs.map(({ ref }) => two.fetch([ref ?? ""], true));
      const acks = jobs.map((job) => one.complete([{ ...job, transition: completed() }]));
      const stored = (await Promise.all(looks)).flat();
      await Promise.all(acks);
      await settle();
      const told = new Set(
        heard.filter(({ channel }) => channel === "baton.relay.two").map(({ payload }) => payload.slice(2, 24)),
      );
      for (const { ref, answer } of stored)
        expect(answer !== null || told.has(ref), "read it or was told").to.equal(true);
      expect(stored).to.have.length(60);
    });

    it("leaves out refs that have no row", async () => {
      expect(await one.fetch([newRow().ref], true)).to.deep.equal([]);
    });
  });

  describe("the services", () => {
    it("stage what is due, and nothing else", async () => {
      await one.insert([newRow({ scheduleIn: 60_000 }), newRow({ scheduleIn: 60_000, queue: "soon" })]);
      await sql.query("update baton.jobs set scheduled_at = now() where queue = 'soon'");
      expect(await one.stage(10)).to.equal(1);
      await settle();
      expect(heard).to.deep.equal([{ channel: "baton.insert", payload: "soon" }]);
    });

    it("prune what ended before the retention, and nothing else", async () => {
      await one.insert([newRow(), newRow(), newRow()]);
      const jobs = await one.claim("default", 2);
      await one.complete(jobs.map((job) => ({ ...job, transition: completed() })));
      await sql.query("update baton.jobs set finished_at = now() - interval '2 s' where id = $1", [jobs[0]?.id]);
      expect(await one.prune(60_000, 10)).to.equal(0);
      expect(await one.prune(1_500, 10)).to.equal(1);
      expect(await one.prune(0, 10)).to.equal(1);
    });

    it("find a host lost by its lease, by its session's lock at two looks, and one that holds jobs unregistered", async () => {
      const holder = new pg.Client({ connectionString: test.url });
      await holder.connect();
      await holder.query("select pg_advisory_lock(42)");
      await two.heartbeat("42");
      expect(await one.lostHosts(15_000, 0), "its session lives").to.deep.equal([]);
      await holder.end();
      await until(
        async () => (await sql.query("select from pg_locks where locktype = 'advisory'")).rowCount === 0,
        "the lock to be free",
      );
      expect(await one.lostHosts(15_000, 0), "the first look only suspects").to.deep.equal([]);
      expect(await one.lostHosts(15_000, 60_000), "too soon for the second").to.deep.equal([]);
      expect(await one.lostHosts(15_000, 0)).to.deep.equal(["two"]);
      await two.heartbeat(null);
      expect(await one.lostHosts(15_000, 0), "it showed life").to.deep.equal([]);
      expect(await one.lostHosts(0, 0), "its lease is over").to.deep.equal(["two"]);
      await one.insert([newRow()]);
      await claimOne(two);
      await two.unregister();
      expect(await one.lostHosts(15_000, 0), "it holds a job").to.deep.equal(["two"]);
    });

    it("rescue a lost host's jobs: back to work, or discarded where no attempt is left; its late outcome is refused", async () => {
      const last = newRow({ maxAttempts: 1, replyTo: "one" });
      await one.insert([newRow({ maxAttempts: 2 }), last]);
      const jobs = await two.claim("default", 2);
      const answer = answerWith(ANSWER_KINDS.exhausted, { encoding: "b", bytes: Buffer.from("lost") });
      expect(await one.rescue("two", answer, "lost")).to.include({ jobs: 2, discarded: 1 });
      await settle();
      expect(heard).to.deep.include({ channel: "baton.relay.one", payload: formatEnvelope(last.ref, answer) });
      expect(await two.complete(jobs.map((job) => ({ ...job, transition: completed() })))).to.deep.equal([
        false,
        false,
      ]);
      expect(await two.heartbeat(null), "it learns that it was declared lost").to.equal(false);
      expect(await claimOne(one)).to.include({ attempt: 2, claim: 2 });
    });
  });

  it("looks rows up in the primary key, one by one, at every size of the table", async () => {
    await sql.query(
      `insert into baton.jobs (queue, worker, state, finished_at) select 'old', 'double', 4, now() from generate_series(1, 20000)`,
    );
    await sql.query("analyze baton.jobs");
    const { complete, claim } = statements("baton");
    const plans = await database.transaction(async (client) => {
      const texts: string[] = [];
      for (const [statement, values] of [
        [
          complete,
          "array[1], array[1], array[4], array[0], array[true], array[null], array['o-'], array[1], array[0], '', 'one', true",
        ],
        [claim, "'default', 5, 'one'"],
      ] as const) {
        await client.query(`prepare ${statement.name}_explained as ${statement.text}`);
        const { rows } = await client.query<{ "QUERY PLAN": string }>(
          `explain execute ${statement.name}_explained(${values})`,
        );
        texts.push(rows.map((row) => row["QUERY PLAN"]).join("\n"));
        await client.query(`deallocate ${statement.name}_explained`);
      }
      return texts;
    });
    for (const plan of plans) {
      expect(plan).to.match(/Index (Scan|Cond|Only).*|Bitmap Index Scan on jobs_pkey/);
      expect(plan).to.include("jobs_pkey");
      expect(plan).to.not.match(/Seq Scan on jobs|Hash Join|Merge Join/);
    }
  });
});
