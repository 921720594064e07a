import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { useSystem } from "../support/system.js";
import { batched, type BatchedArgs } from "../workers/batched.js";

const JOBS = 300;

describe("workers with a batch:", () => {
  const { hosts, sql } = useSystem("test");
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "baton-batches-"));
  });

  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** Runs the jobs on a host with two threads, and returns how often each ran. */
  async function runAll(faults: Readonly<Record<number, BatchedArgs["fault"]>>): Promise<number[]> {
    const log = join(folder, "log");
    const host = await hosts.start({ queues: { default: 2 }, threads: 2 });
    const jobs = Array.from({ length: JOBS }, (_, int) => {
      const fault = faults[int];
      return batched.new({ int, log, ...(fault && { fault }) });
    });
    const relays = await host.asyncMany(jobs);
    const results = await host.awaitMany(relays, { timeout: 20_000, withRetries: true });
    for (const [int, result] of results.entries()) expect(result).to.include({ ok: true, value: int });
    const runs = Array.from({ length: JOBS }, () => 0);
    for (const line of readFileSync(log, "utf8").trimEnd().split("\n")) {
      const int = Number(line.split(" ")[0]);
      runs[int] = (runs[int] ?? 0) + 1;
    }
    return runs;
  }

  async function attempts(): Promise<number[]> {
    const text = "select attempt from baton.jobs where state = 4 order by id";
    const { rows } = await sql.query<{ attempt: number }>(text);
    return rows.map(({ attempt }) => attempt);
  }

  it("every job runs once and gets its own result", async () => {
    expect(await runAll({})).to.deep.equal(Array.from({ length: JOBS }, () => 1));
  });

  it("a job that throws fails alone", async () => {
    const runs = await runAll({ 100: "throw", 105: "throw" });
    expect(runs.map((count, int) => (count === 1 ? null : int)).filter((int) => int !== null)).to.deep.equal([
      100, 105,
    ]);
    expect(await attempts()).to.deep.equal(
      Array.from({ length: JOBS }, (_, int) => ([100, 105].includes(int) ? 2 : 1)),
    );
  });

  it("a job that ends its thread fails alone: the others lose no attempt, and get their results", async () => {
    const guilty = [50, 101, 152, 203, 254];
    const runs = await runAll(Object.fromEntries(guilty.map((int) => [int, "exit" as const])));
    expect(await attempts()).to.deep.equal(Array.from({ length: JOBS }, (_, int) => (guilty.includes(int) ? 2 : 1)));
    const again = runs.filter((count, int) => count > 1 && !guilty.includes(int));
    expect(again, "those before it in its batch ran again, so there are batches").not.to.have.lengthOf(0);
  });
});
