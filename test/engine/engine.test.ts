import { randomBytes } from "node:crypto";
import { expect } from "chai";
import type { ClaimedJob } from "../../lib/job/job.js";
import { Engine } from "../../lib/engine/engine.js";
import { ANSWER_HEAD, INLINE } from "../../lib/engine/answers.js";
import { uuidFromRef } from "../../lib/engine/ref.js";
import { operations } from "../../lib/engine/operations.js";
import { completed, Engines, RELEASED } from "../support/engines.js";
import { newRow } from "../support/rows.js";

describe("the engine", () => {
  let test: Engines;

  before(async () => {
    test = await Engines.start();
  });

  after(() => test.stop());

  beforeEach(() => test.reset());

  describe("inserting", () => {
    it("keeps the order and notifies each queue once", async () => {
      const rows = [
        newRow({ queue: "a" }),
        newRow({ queue: "b" }),
        newRow({ queue: "a" }),
        newRow({ queue: "c", scheduleIn: 60_000 }),
      ];
      const ids = (await test.one.insert(rows)).map(({ id }) => id);
      expect(ids).to.deep.equal(ids.toSorted((a, b) => a - b));
      await test.settle();
      expect(test.heard.map(({ payload }) => payload)).to.have.members(["a", "b"]);
    });

    it("inserts the same refs once, however often it tries", async () => {
      const rows = [newRow(), newRow(), newRow()];
      const inserted = await test.one.insert(rows.slice(0, 2));
      const again = await test.one.insert(rows);
      expect(again.slice(0, 2)).to.deep.equal(inserted);
      expect((await test.one.counts())[0]).to.deep.equal({ queue: "default", state: "available", jobs: 3 });
    });

    it("returns jobs that it inserted as claimed; after a lost reply, the table shows them as held", async () => {
      const row = newRow({ claimed: true, tags: ["t"] });
      const [inserted] = await test.one.insert([row]);
      expect(inserted?.claimed).to.include({ claim: 1, attempt: 1, args: row.args, ref: row.ref });
      const [again] = await test.one.insert([row, newRow()]);
      expect(again).to.deep.equal({ id: inserted?.id, claimed: null });
      const { held } = await test.one.tend(0, [], { compare: true });
      expect(held).to.deep.equal([{ id: inserted?.id, claim: inserted?.claimed?.claim }]);
      await test.settle();
      expect(test.heard.filter(({ payload }) => payload === "default")).to.have.length(1);
    });
  });

  describe("reading large results", () => {
    /** Stores a finished job whose result has this many bytes after its head. */
    async function storedOf(size: number, head = "vb"): Promise<{ ref: string; bytes: Buffer }> {
      const row = newRow();
      const bytes = randomBytes(size);
      await test.one.insert([row]);
      await test.sql.query(
        "update baton.jobs set state = 4, attempt = 3, attempted_by = 'one', result = $2 where ref = $1",
        [uuidFromRef(row.ref), Buffer.concat([Buffer.from(head), bytes])],
      );
      return { ref: row.ref, bytes };
    }

    it("reports how large one is, and reads it only by itself", async () => {
      const [inline, large] = [await storedOf(INLINE - ANSWER_HEAD), await storedOf(INLINE - ANSWER_HEAD + 1)];
      const [small] = await test.two.readAnswers([inline.ref]);
      expect(small).to.not.have.property("large");
      expect(small?.answer).to.deep.equal({ kind: "v", encoding: "b", bytes: inline.bytes });
      for (const read of ["readAnswers", "subscribe"] as const) {
        expect(await test.two[read]([large.ref])).to.deep.include.members([
          { ...small, ref: large.ref, id: (small?.id ?? 0) + 1, answer: null, large: INLINE + 1 },
        ]);
      }
    });

    for (const size of [20_000, 262_142, 262_143, 600_000]) {
      it(`reads the very bytes, in one piece or many: ${size.toLocaleString()}`, async () => {
        const [one, other] = [await storedOf(size), await storedOf(30_000)];
        const stored = await test.two.readLargeAnswers([one.ref, newRow().ref, other.ref]);
        expect(stored.map(({ ref }) => ref)).to.have.members([one.ref, other.ref]);
        const { id: _id, ...rest } = stored.find(({ ref }) => ref === one.ref) ?? {};
        const answer = { kind: "v", encoding: "b", bytes: one.bytes };
        expect(rest).to.deep.equal({ ref: one.ref, state: "completed", attempt: 3, host: "one", answer });
      });
    }

    it("reads no more than one byte over the highest limit, whatever the column holds", async () => {
      const { ref } = newRow();
      await test.one.insert([newRow({ ref })]);
      await test.sql.query(
        "update baton.jobs set state = 4, result = 'vb' || decode(repeat('00', 70000000), 'hex') where ref = $1",
        [uuidFromRef(ref)],
      );
      const [stored] = await test.two.readLargeAnswers([ref]);
      expect(stored?.answer?.bytes.length).to.equal(67_108_865);
    });

    it("does not report an answer as large if it has no value or an unknown kind", async () => {
      const [bare, strange] = [await storedOf(20_000, "o-"), await storedOf(20_000, "?b")];
      const [none] = await test.two.readAnswers([bare.ref]);
      expect(none?.answer).to.deep.equal({ kind: "o", encoding: "-", bytes: Buffer.alloc(0) });
      expect(none).to.not.have.property("large");
      expect((await test.two.readAnswers([strange.ref]))[0])
        .to.include({ answer: null })
        .and.not.have.property("large");
    });

    it("rejects with the server's error and leaves the connection in order", async () => {
      await test.sql.query("alter table baton.jobs rename to elsewhere");
      const error = await test.two.readLargeAnswers([newRow().ref]).catch((failure: unknown) => failure);
      await test.sql.query("alter table baton.elsewhere rename to jobs");
      expect(error).to.include({ code: "42P01" });
      expect(await test.two.readLargeAnswers([newRow().ref])).to.deep.equal([]);
    });
  });

  describe("claiming", () => {
    it("goes by priority, then by time, then by id", async () => {
      const rows = [newRow({ priority: 1 }), newRow(), newRow({ scheduledAt: 1_000 }), newRow({ priority: 2 })];
      const ids = (await test.one.insert(rows)).map(({ id }) => id);
      const claimed = [
        await test.claimOne(test.one),
        await test.claimOne(test.one),
        await test.claimOne(test.one),
        await test.claimOne(test.one),
      ];
      expect(claimed.map(({ id }) => id)).to.deep.equal([ids[2], ids[1], ids[0], ids[3]]);
    });

    it("never gives one job to two hosts", async () => {
      await test.one.insert(Array.from({ length: 200 }, () => newRow()));
      const claims = await Promise.all(
        Array.from({ length: 40 }, (_, at) => (at % 2 === 0 ? test.one : test.two).claim("default", 5)),
      );
      const ids = claims.flatMap(({ jobs }) => jobs.map(({ id }) => id));
      expect(new Set(ids).size).to.equal(ids.length);
      expect(ids.length + (await test.one.claim("default", 200)).jobs.length).to.equal(200);
    });

    it("gives nothing to a host that is not registered", async () => {
      await test.one.insert([newRow()]);
      const { jobs } = await new Engine(test.database, "baton", "stranger").claim("default", 1);
      expect(jobs).to.deep.equal([]);
    });

    it("inserts nothing as claimed for a host that is not registered: others run it", async () => {
      const stranger = new Engine(test.database, "baton", "stranger");
      const [inserted] = await stranger.insert([newRow({ claimed: true })]);
      expect(inserted?.claimed).to.equal(null);
      expect(await test.claimOne(test.one)).to.include({ id: inserted?.id, attempt: 1, claim: 1 });
    });

    it("begins only the first jobs: the others are held, and their attempts do not count yet", async () => {
      await test.one.insert([newRow(), newRow(), newRow({ priority: 1 })]);
      const jobs = (await test.one.claim("default", 3, 1)).jobs;
      expect(jobs.map(({ begun, attempt }) => ({ begun, attempt }))).to.deep.equal([
        { begun: true, attempt: 1 },
        { begun: false, attempt: 1 },
        { begun: false, attempt: 1 },
      ]);
      const [first, second, third] = jobs as [ClaimedJob, ClaimedJob, ClaimedJob];
      expect(await test.attempts([first, second, third])).to.deep.equal([1, 0, 0]);
      await test.two.begin([third]);
      await test.one.begin([{ ...third, claim: 2 }]);
      expect(await test.attempts([first, second, third]), "not this host's, not this claim").to.deep.equal([1, 0, 0]);
      await test.one.begin([first, third]);
      expect(await test.attempts([first, second, third])).to.deep.equal([1, 0, 1]);
      await test.one.complete([
        { ...first, transition: completed() },
        { ...second, transition: completed() },
        { ...third, transition: RELEASED },
      ]);
      expect(await test.attempts([first, second, third]), "the end counts what nobody has").to.deep.equal([1, 1, 0]);
    });

    it("is visible to a look that compares what a host holds", async () => {
      await test.one.insert([newRow(), newRow()]);
      const { id, claim } = await test.claimOne(test.one);
      expect((await test.one.tend(0, [], { compare: true })).held).to.deep.equal([{ id, claim }]);
      expect((await test.two.tend(0, [], { compare: true })).held).to.deep.equal([]);
      expect((await test.one.tend(0, [])).held).to.equal(null);
    });
  });

  describe("subscribing", () => {
    it("adds the host to the awaiters once, and reads the stored answer", async () => {
      const row = newRow();
      await test.one.insert([row]);
      expect((await test.two.subscribe([row.ref]))[0]).to.include({ state: "available", attempt: 0, answer: null });
      await test.two.subscribe([row.ref]);
      const job = await test.claimOne(test.one);
      await test.one.complete([{ ...job, transition: completed() }]);
      await test.settle();
      expect(test.heard.filter(({ channel }) => channel === "baton.relay.two")).to.have.length(1);
    });

    it("misses no outcome that is written at the same time", async () => {
      await test.one.insert(Array.from({ length: 60 }, () => newRow()));
      const jobs = (await test.one.claim("default", 60)).jobs;
      const looks = jobs.map(({ ref }) => test.two.subscribe([ref ?? ""]));
      const acks = jobs.map((job) => test.one.complete([{ ...job, transition: completed() }]));
      const stored = (await Promise.all(looks)).flat();
      await Promise.all(acks);
      await test.settle();
      const told = new Set(
        test.heard.filter(({ channel }) => channel === "baton.relay.two").map(({ payload }) => payload.slice(2, 24)),
      );
      for (const { ref, answer } of stored)
        expect(answer !== null || told.has(ref), "read it or was told").to.equal(true);
      expect(stored).to.have.length(60);
    });

    it("leaves out refs that have no row", async () => {
      expect(await test.one.subscribe([newRow().ref])).to.deep.equal([]);
    });
  });

  it("looks up rows one by one in the primary key, at every size of the table", async () => {
    await test.sql.query(
      `insert into baton.jobs (queue, worker, state, finished_at) select 'old', 'double', 4, now() from generate_series(1, 20000)`,
    );
    await test.sql.query("analyze baton.jobs");
    const { completeOne, completeMany, claim } = operations("baton");
    const plans = await test.database.transaction(async (client) => {
      const texts: string[] = [];
      for (const [statement, values] of [
        [completeOne, "1, 1, 4, 0, true, null, 'o-', '', 'one', true"],
        [
          completeMany,
          "array[1], array[1], array[4], array[0], array[true], array[null], array['o-'], '', array[1], array[0], 'one', true",
        ],
        [claim, "'default', 5, 'one', 1"],
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
