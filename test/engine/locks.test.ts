import { randomBytes } from "node:crypto";
import { expect } from "chai";
import type { ClaimedJob } from "../../lib/job/job.js";
import { completed, Engines } from "../support/engines.js";
import { newRow } from "../support/rows.js";
import { until } from "../support/until.js";

describe("statements that write to many rows", () => {
  let test: Engines;
  /** Sorted by id; their refs are in the opposite order. */
  let jobs: ClaimedJob[];

  before(async () => {
    test = await Engines.start();
  });

  after(() => test.stop());

  beforeEach(async () => {
    await test.reset();
    const refs = Array.from({ length: 3 }, (_, at) => {
      const bytes = randomBytes(16);
      bytes[0] = 3 - at;
      return bytes.toString("base64url");
    });
    await test.two.insert(refs.map((ref) => newRow({ ref })));
    jobs = (await test.one.claim("default", 3, 0)).jobs;
  });

  afterEach(() => test.sql.query("rollback"));

  /** Runs two statements that both need the row in the middle, which is locked until both wait. */
  async function collide(one: () => Promise<unknown>, two: () => Promise<unknown>): Promise<unknown[]> {
    await test.sql.query("begin");
    await test.sql.query("select from baton.jobs where id = $1 for update", [jobs[1]?.id]);
    const both = Promise.allSettled([one(), two()]);
    await until(async () => {
      const { rows } = await test.sql.query("select distinct pid from pg_locks where not granted");
      return rows.length === 2;
    }, "both to wait");
    await test.sql.query("commit");
    return (await both).flatMap((result) => (result.status === "rejected" ? [result.reason] : []));
  }

  const reversed = () => jobs.toReversed();
  const complete = () => test.one.complete(reversed().map((job) => ({ ...job, transition: completed() })));
  const begin = () => test.one.begin(jobs);
  const subscribe = () => test.two.subscribe(jobs.map(({ ref }) => ref as string));

  it("do not deadlock: completing and beginning", async () => {
    expect(await collide(complete, begin)).to.deep.equal([]);
  });

  it("do not deadlock: completing and subscribing", async () => {
    expect(await collide(complete, subscribe)).to.deep.equal([]);
  });

  it("do not deadlock: beginning and subscribing", async () => {
    expect(await collide(() => test.one.begin(reversed()), subscribe)).to.deep.equal([]);
  });
});
