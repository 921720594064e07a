import { expect } from "chai";
import fc from "fast-check";
import { Database, type Statement } from "../../lib/postgres/database.js";
import { Engine } from "../../lib/engine/engine.js";
import { operations } from "../../lib/engine/operations.js";
import { Telemetry } from "../../lib/telemetry.js";
import { Engines, registration } from "../support/engines.js";
import { newRow } from "../support/rows.js";

const FOREIGN = 20_000;

describe("claims by worker", () => {
  let test: Engines;
  let made = 0;

  before(async () => {
    test = await Engines.start();
  });

  after(() => test.stop());

  beforeEach(() => test.reset());

  /** Registers a host with these workers. */
  async function host(workers: readonly string[]): Promise<Engine> {
    made += 1;
    const engine = new Engine(test.database, "baton", `host ${made}`);
    await engine.register({ ...registration("host"), workers });
    return engine;
  }

  /** Inserts jobs of workers that no host here has, ahead of all others. */
  async function fillWithForeign(): Promise<void> {
    await test.sql.query(
      `insert into baton.jobs (queue, worker, scheduled_at) select 'default', 'foreign ' || i % 3, now() - interval '1 hour'
      from generate_series(1, $1) i`,
      [FOREIGN],
    );
  }

  for (const [count, workers] of [
    ["one worker", ["a"]],
    ["two workers", ["a", "c"]],
    ["workers without any job", ["x", "y"]],
  ] as const) {
    for (const looked of [false, true])
      it(`bring exactly the first jobs of a host's own workers: ${count}, ${looked ? "after a look that found no foreign job" : "before any look"}`, async () => {
        const job = fc.record({
          worker: fc.constantFrom("a", "b", "c"),
          priority: fc.integer({ min: 0, max: 2 }),
          scheduledAt: fc.constantFrom(1_000, 2_000),
        });
        const engine = await host(workers);
        if (looked) await engine.tend(0, ["default"]);
        await fc.assert(
          fc.asyncProperty(
            fc.array(job, { minLength: 1, maxLength: 30 }),
            fc.integer({ min: 1, max: 12 }),
            async (jobs, limit) => {
              await test.sql.query("truncate baton.jobs");
              const inserted = await test.one.insert(jobs.map((given) => newRow(given)));
              const wanted = jobs
                .map((given, at) => ({ ...given, id: inserted[at]?.id ?? 0 }))
                .filter(({ worker }) => (workers as readonly string[]).includes(worker))
                .sort((a, b) => a.priority - b.priority || a.scheduledAt - b.scheduledAt || a.id - b.id);
              const claimed = (await engine.claim("default", limit)).jobs;
              expect(claimed.map(({ id }) => id)).to.deep.equal(wanted.slice(0, limit).map(({ id }) => id));
            },
          ),
          { numRuns: 60 },
        );
      });
  }

  it("leave foreign jobs to the hosts that have their workers, and do not lock them", async () => {
    const [mine, foreign] = [await host(["a", "b"]), await host(["c", "d"])];
    await test.one.insert(Array.from({ length: 60 }, (_, at) => newRow({ worker: "abcd"[at % 4] as string })));
    const claims = await Promise.all(
      Array.from({ length: 30 }, (_, at) => (at % 2 ? mine : foreign).claim("default", 4)),
    );
    const rounds = claims.map(({ jobs }) => jobs);
    const left = [(await mine.claim("default", 60)).jobs, (await foreign.claim("default", 60)).jobs];
    const jobs = [...rounds, ...left].flat();
    expect(new Set(jobs.map(({ id }) => id)).size).to.equal(60);
    expect(jobs).to.have.length(60);
    for (const [at, round] of rounds.entries())
      for (const { worker } of round) expect(at % 2 ? "ab" : "cd").to.include(worker);
  });

  it("do not read the jobs of foreign workers, however many there are and whatever the statistics say", async () => {
    await test.one.insert([newRow({ worker: "a" })]);
    await test.sql.query("analyze baton.jobs");
    await fillWithForeign();
    await test.one.insert(Array.from({ length: 20 }, () => newRow({ worker: "a" })));
    const engine = await host(["a", "b", "c"]);
    const { buffers } = await test.explain("claimMixed", ["default", 8, engine.host, 8]);
    expect(buffers).to.be.below(400);
    expect((await engine.claim("default", 8)).jobs).to.have.length(8);
  });

  it("read the first jobs in order, whatever the table held when they were planned", async () => {
    const engine = await host(["a", "b"]);
    const fill = `insert into baton.jobs (queue, worker, ref, state, finished_at)
      select 'default', 'a', gen_random_uuid(), $2::int, case when $2 = 4 then now() end from generate_series(1, $1::int)`;
    const steps = [
      async () => {},
      async () => void (await test.sql.query(fill, [3_000, 4])),
      async () => void (await test.sql.query(fill, [3_000, 1])),
      async () => void (await test.sql.query("analyze baton.jobs")),
      async () => void (await test.sql.query("delete from baton.jobs where state = 1")),
      async () => void (await test.sql.query("analyze baton.jobs")),
      async () => void (await test.sql.query(fill, [3_000, 1])),
    ];
    for (const [step, grow] of steps.entries()) {
      await grow();
      const plan = await test.database.alone(async (client) => {
        await client.query(`prepare claim(text, int, text, int) as ${operations("baton").claim.text}`);
        const { rows } = await client.query<{ "QUERY PLAN": string }>(
          `explain execute claim('default', 64, '${engine.host}', 2)`,
        );
        return rows.map((row) => row["QUERY PLAN"]).join("\n");
      });
      expect(plan, `step ${step}`).to.match(/Index Scan using jobs_claim on/);
      expect(plan, `step ${step}`).not.to.match(/Sort|Bitmap|Seq Scan/);
    }
  });

  it("go worker by worker only while the last look found foreign jobs at the head of the queue", async () => {
    const sent: string[] = [];
    /** Records the kinds of its claim statements. */
    class Watched extends Database {
      override query<Row extends object>(statement: Statement, values: unknown[]): Promise<Row[]> {
        const [, kind] = /^baton_(claim(?:_mixed)?)_/.exec(statement.name) ?? [];
        if (kind !== undefined) sent.push(kind);
        return super.query(statement, values);
      }
    }
    const database = new Watched(test.url, "test", new Telemetry("test"));
    await database.start();
    const engine = new Engine(database, "baton", "watched");
    await engine.register({ ...registration("watched"), workers: ["a", "b"] });
    const look = async (): Promise<unknown> => engine.tend(0, ["default"]);
    await engine.claim("default", 8);
    await look();
    await engine.claim("default", 8);
    await fillWithForeign();
    await look();
    await engine.claim("default", 8);
    await test.sql.query("delete from baton.jobs where worker like 'foreign%'");
    await look();
    await engine.claim("default", 8);
    expect(sent).to.deep.equal(["claim_mixed", "claim", "claim_mixed", "claim"]);
    await database.stop();
  });
});
