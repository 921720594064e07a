import { expect } from "chai";
import type { Inserted, InsertRow } from "../lib/engine/insert.js";
import { Inserter } from "../lib/inserter.js";
import type { CheckedJob } from "../lib/job/checked-job.js";
import type { ClaimedJob } from "../lib/job/job.js";
import { Holds } from "../lib/runner/holds.js";
import { Seat } from "../lib/runner/seat.js";
import { Telemetry } from "../lib/telemetry.js";
import { claimedJob } from "./support/claimed.js";

const JOB: CheckedJob = {
  worker: "double",
  queue: "default",
  args: "{}",
  meta: {},
  tags: [],
  priority: 0,
  maxAttempts: 20,
  scheduledAt: null,
  scheduleIn: null,
};
const LATER: CheckedJob = { ...JOB, scheduleIn: 1_000 };

describe("the inserter", () => {
  let inserter: Inserter;
  let holds: Holds;
  /** How many threads are free. */
  let free: number;
  let ran: ClaimedJob[];
  let released: number;
  let woken: string[];
  let slots: Set<string>;
  let statements: (readonly InsertRow[])[];
  /** What the next statements fail with. */
  let failure: Error | null;
  /** The most results that an insert returns. */
  let results: number;
  /** Whether rows that are inserted as claimed count as claimed by this very try. */
  let claims: boolean;
  /** Whether the slots of a statement's rows were open when it was sent. */
  let slotsOpen: boolean;

  beforeEach(() => {
    holds = new Holds();
    free = 0;
    ran = [];
    released = 0;
    woken = [];
    slots = new Set();
    statements = [];
    failure = null;
    results = Number.POSITIVE_INFINITY;
    claims = true;
    slotsOpen = false;
    const owner = { holds, onRun: (job: ClaimedJob) => ran.push(job), onRelease: () => (released += 1) };
    inserter = new Inserter({
      host: "me",
      engine: {
        insert: async (rows) => {
          statements.push(rows);
          slotsOpen = rows.every(({ ref }) => slots.has(ref));
          if (failure !== null) throw failure;
          return rows.slice(0, results).map(({ worker, claimed }, at): Inserted => {
            return {
              id: at + 1,
              claimed: claimed && claims ? claimedJob(worker, {}, { id: at + 1 }) : null,
            };
          });
        },
      },
      relays: { open: (ref) => slots.add(ref), close: (ref) => slots.delete(ref) },
      runner: () => ({
        seat: () => {
          free -= 1;
          return free < 0 ? null : new Seat(owner);
        },
        wake: (queue) => woken.push(queue),
      }),
      telemetry: new Telemetry("test"),
    });
  });

  afterEach(() => inserter.close(0));

  /** Whether an insert counts as a statement under way that may explain a row. */
  function underWay(): boolean {
    return holds.findStrays([{ id: 1_000, claim: 1 }]).length === 0;
  }

  it("opens the slots of awaited jobs before their rows are there, and none for others", async () => {
    const [relay] = await inserter.insertAwaited([JOB]);
    expect(slotsOpen).to.equal(true);
    expect([...slots]).to.deep.equal([relay?.ref]);
    expect(statements[0]?.[0]?.replyTo).to.equal("me");
    await inserter.insert([JOB]);
    expect(slots.size).to.equal(1);
    expect(statements[1]?.[0]?.replyTo).to.equal(null);
  });

  it("runs a job that has a seat, and wakes the queue of any other that is due", async () => {
    free = 1;
    const inserting = inserter.insert([JOB, { ...JOB, queue: "other" }, LATER]);
    expect(underWay()).to.equal(true);
    const relays = await inserting;
    expect(statements[0]?.map(({ claimed }) => claimed)).to.deep.equal([true, false, false]);
    expect(ran.map(({ id }) => id)).to.deep.equal([1]);
    expect(woken).to.deep.equal(["other"]);
    expect(relays.map(({ job: { id } }) => id)).to.deep.equal([1, 2, 3]);
    expect(holds.size).to.equal(1);
    expect(underWay()).to.equal(false);
  });

  it("asks for no seat for a job that is not due", async () => {
    free = 1;
    await inserter.insert([LATER]);
    expect(free).to.equal(1);
    expect(woken).to.deep.equal([]);
  });

  it("releases the seat of a row that an earlier try has inserted", async () => {
    free = 1;
    claims = false;
    await inserter.insert([JOB]);
    expect([ran, released, underWay()]).to.deep.equal([[], 1, false]);
  });

  it("releases seats and closes slots when an insert fails", async () => {
    free = 1;
    failure = Object.assign(new Error("no such column"), { code: "42703", severity: "ERROR" });
    const error: unknown = await inserter.insertAwaited([JOB, JOB]).catch((reason: unknown) => reason);
    expect(error).to.be.an("error").with.property("message").that.includes("The job was not inserted");
    expect([ran, released, underWay(), slots.size]).to.deep.equal([[], 1, false, 0]);
  });

  it("releases every seat when fewer results than rows come back", async () => {
    free = 2;
    results = 1;
    const error: unknown = await inserter.insertAwaited([JOB, JOB]).catch((reason: unknown) => reason);
    expect(error).to.be.an("error").with.property("message").that.includes("1 results for 2 rows");
    expect([ran, released, underWay(), slots.size]).to.deep.equal([[], 2, false, 0]);
  });

  it("inserts calls that come together in one statement, and nothing for no jobs", async () => {
    const calls = [[JOB], [], [JOB, JOB]].map((jobs) => inserter.insert(jobs));
    expect((await Promise.all(calls)).map((relays) => relays.map(({ job: { id } }) => id))).to.deep.equal([
      [1],
      [],
      [2, 3],
    ]);
    expect(statements.map(({ length }) => length)).to.deep.equal([3]);
  });
});
