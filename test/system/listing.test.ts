import { expect } from "chai";
import { Baton, DatabaseError, InvalidOptionError, type JobFilter, NotStartedError } from "../../lib/index.js";
import double from "../../examples/workers/double.js";
import echo from "../../examples/workers/echo.js";
import { rejection } from "../support/rejection.js";
import { useSystem } from "../support/system.js";

const ROWS = 1_000;

describe("baton.jobs", () => {
  const system = useSystem("suite");
  const { hosts, sql } = system;
  let baton: Baton;

  before(async () => {
    baton = await hosts.start();
    await baton.insertMany(Array.from({ length: ROWS }, (_, int) => double.new({ int }, { tags: ["many"] })));
    await baton.insertMany([
      echo.new({ value: { deep: [1, "ü", null] } }, { queue: "other", tags: ["a", "b"], meta: { m: 1 } }),
      echo.new({ value: 2 }, { queue: "other", scheduleIn: 3_600_000 }),
    ]);
  });

  async function listed(filter: Parameters<Baton["jobs"]>[0]): Promise<unknown[]> {
    const args: unknown[] = [];
    for await (const job of baton.jobs(filter)) args.push(job.args);
    return args;
  }

  it("lists all jobs by id, across pages", async () => {
    const ids: number[] = [];
    for await (const { id } of baton.jobs()) ids.push(id);
    expect(ids).to.have.length(ROWS + 2);
    expect(ids).to.deep.equal([...ids].sort((a, b) => a - b));
  });

  it("combines all filters", async () => {
    const deep = { value: { deep: [1, "ü", null] } };
    expect(await listed({ worker: "echo" })).to.deep.equal([deep, { value: 2 }]);
    expect(await listed({ queue: "other", state: "available" })).to.deep.equal([deep]);
    expect(await listed({ tag: "b" })).to.deep.equal([deep]);
    expect(await listed({ state: ["scheduled", "completed"] })).to.deep.equal([{ value: 2 }]);
    expect(await listed({ ids: [1, 3] })).to.deep.equal([{ int: 0 }, { int: 2 }]);
    expect(await listed({ ids: [] })).to.deep.equal([]);
    expect(await listed({ tag: "many", worker: "echo" })).to.deep.equal([]);
  });

  it("opens no connection, holds none during the loop body, and leaks none however the loop ends", async () => {
    const open = async (): Promise<unknown> => {
      const { rows } =
        await sql.query(`select count(*)::int as open, count(*) filter (where state <> 'idle')::int as busy
        from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`);
      return rows[0];
    };
    await Promise.all([1, 2, 3, 4].map(() => baton.counts()));
    const before = await open();
    for await (const { id } of baton.jobs()) {
      if (id > 1) expect(await open()).to.deep.equal(before);
      if (id > 1) break;
    }
    const thrown = new Error("enough");
    const looping = async (): Promise<void> => {
      for await (const _job of baton.jobs()) throw thrown;
    };
    expect(await rejection(looping())).to.equal(thrown);
    expect(await open()).to.deep.equal(before);
  });

  it("throws when the loop begins, never when it is called", async () => {
    const stopped = new Baton({ connection: system.url });
    expect(await rejection(stopped.jobs().next())).to.be.instanceOf(NotStartedError);
    const filter = { state: "done" } as unknown as JobFilter;
    expect(await rejection(baton.jobs(filter).next())).to.be.instanceOf(InvalidOptionError);
  });

  it("throws a typed error if the host is stopped in the middle", async () => {
    const stopping = await new Baton({ connection: system.url }).start();
    const jobs = stopping.jobs();
    await jobs.next();
    await stopping.stop();
    const rest = async (): Promise<void> => {
      for await (const _job of jobs);
    };
    expect(await rejection(rest())).to.be.instanceOf(DatabaseError);
  });
});
