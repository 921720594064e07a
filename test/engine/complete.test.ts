import { expect } from "chai";
import { ANSWER_KINDS, answerWith, bareAnswer } from "../../lib/job/answer.js";
import { formatEnvelope } from "../../lib/relay/envelope.js";
import { completed, Engines, RELEASED, valueOf } from "../support/engines.js";
import { newRow } from "../support/rows.js";

describe("the engine completing", () => {
  let test: Engines;

  before(async () => {
    test = await Engines.start();
  });

  after(() => test.stop());

  beforeEach(() => test.reset());

  it("writes the end of an attempt once", async () => {
    await test.one.insert([newRow()]);
    const { id, claim } = await test.claimOne(test.one);
    const ack = { id, claim, transition: completed(), awaited: false };
    expect(await test.one.complete([ack])).to.deep.equal([true]);
    expect(await test.one.complete([ack])).to.deep.equal([false]);
  });

  it("recognizes what an earlier try has written, whose reply was lost", async () => {
    await test.one.insert([newRow(), newRow(), newRow()]);
    const [mine, released, lost] = [
      await test.claimOne(test.one),
      await test.claimOne(test.one),
      await test.claimOne(test.one),
    ];
    const answer = valueOf(Buffer.from("42"));
    const acks = [
      { ...mine, transition: completed(answer) },
      {
        ...released,
        transition: RELEASED,
      },
      { ...lost, transition: completed(answer) },
    ];
    await test.one.complete(acks.slice(0, 2));
    await test.sql.query("update baton.jobs set state = 6, result = 'c-' where id = $1", [lost.id]);
    expect(await test.one.complete(acks)).to.deep.equal([false, false, false]);
    expect(await test.one.complete(acks, { again: true })).to.deep.equal([true, true, false]);
    expect(await test.two.complete(acks, { again: true }), "another host").to.deep.equal([false, false, false]);
  });

  it("refuses another host, an older claim and a job that is not executing, but writes the others in the batch", async () => {
    await test.one.insert([newRow(), newRow()]);
    const [first, second] = [await test.claimOne(test.one), await test.claimOne(test.one)];
    expect(await test.two.complete([{ ...first, transition: completed() }])).to.deep.equal([false]);
    await test.one.complete([{ ...first, transition: RELEASED }]);
    const again = await test.claimOne(test.one);
    expect(again).to.include({ id: first.id, claim: 2, attempt: 1 });
    expect(await test.one.complete([{ ...first, transition: completed() }])).to.deep.equal([false]);
    expect(
      await test.one.complete([
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
    it(`sends to awaiters elsewhere, and stores, the very bytes: ${what}`, async () => {
      const row = newRow({ replyTo: "two" });
      await test.one.insert([newRow({ replyTo: "one" }), row]);
      const jobs = (await test.one.claim("default", 2)).jobs;
      await test.one.complete(jobs.map((job) => ({ ...job, transition: completed(answer) })));
      await test.settle();
      const envelopes = test.heard.filter(({ channel }) => channel.startsWith("baton.relay."));
      expect(envelopes).to.deep.equal([{ channel: "baton.relay.two", payload: formatEnvelope(row.ref, answer) }]);
      const [stored] = await test.two.readAnswers([row.ref]);
      expect(stored?.answer).to.deep.equal({ ...answer, bytes: Buffer.from(answer.bytes) });
    });
  }

  it("keeps the newest ten errors", async () => {
    const [{ id } = { id: 0 }] = await test.one.insert([newRow({ maxAttempts: 99 })]);
    for (let attempt = 1; attempt <= 12; attempt += 1) {
      const job = await test.claimOne(test.one);
      await test.one.complete([
        { ...job, transition: { state: "available", answer: null, delay: 0, counted: true, error: `no ${attempt}` } },
      ]);
    }
    const { rows } = await test.sql.query<{ errors: { attempt: number; error: string }[] }>(
      "select errors from baton.jobs where id = $1",
      [id],
    );
    expect(rows[0]?.errors.map(({ attempt, error }) => [attempt, error])).to.deep.equal(
      Array.from({ length: 10 }, (_, at) => [at + 3, `no ${at + 3}`]),
    );
  });

  it("succeeds although the notifications cannot be sent", async () => {
    const row = newRow({ replyTo: "two" });
    await test.one.insert([row]);
    const job = await test.claimOne(test.one);
    // Stands in for a full notification queue, which raises the same code.
    const query = test.database.query.bind(test.database);
    test.database.query = async (statement, values) => {
      if (values.at(-1) === true) throw Object.assign(new Error("queue is full"), { code: "54000", severity: "ERROR" });
      return query(statement, values);
    };
    try {
      expect(await test.one.complete([{ ...job, transition: completed() }])).to.deep.equal([true]);
    } finally {
      test.database.query = query;
    }
    await test.settle();
    expect(test.heard.filter(({ channel }) => channel === "baton.relay.two")).to.deep.equal([]);
  });

  it("reports the table as writable only while it is not locked, even if it can be read", async () => {
    await test.one.writable();
    await test.sql.query("begin");
    await test.sql.query("lock table baton.jobs in share mode");
    let written = false;
    const writing = test.one.writable().then(() => (written = true));
    for (let reads = 0; reads < 5; reads += 1) await test.one.counts();
    expect(written).to.equal(false);
    await test.sql.query("commit");
    expect(await writing).to.equal(true);
  });
});
