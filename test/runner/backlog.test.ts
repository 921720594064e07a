import { expect } from "chai";
import fc from "fast-check";
import { Backlog } from "../../lib/runner/backlog.js";
import type { ClaimedJob } from "../../lib/job/job.js";
import { claimedJob } from "../support/claimed.js";
import { until } from "../support/until.js";

describe("the backlog", () => {
  let overdue: (readonly ClaimedJob[])[];
  let patience: number;
  let backlog: Backlog;

  beforeEach(() => {
    overdue = [];
    patience = 60_000;
    backlog = new Backlog({ patience: () => patience, onOverdue: (jobs) => overdue.push(jobs) });
  });

  afterEach(() => {
    backlog.clear();
  });

  const one = () => 1;

  it("hands jobs out by priority, time and id, whatever the order in which claims bring them", () => {
    const job = fc.record({
      id: fc.nat(50),
      priority: fc.integer({ min: 0, max: 2 }),
      scheduledAt: fc.integer({ min: 0, max: 3 }),
    });
    const key = ({ priority, scheduledAt, id }: Pick<ClaimedJob, "priority" | "scheduledAt" | "id">) =>
      priority * 1e6 + scheduledAt * 1e3 + id;
    fc.assert(
      fc.property(fc.array(fc.array(job, { maxLength: 6 }), { maxLength: 5 }), (claims) => {
        for (const claim of claims) {
          backlog.add(claim.map((rest) => claimedJob("a", {}, rest)).sort((a, b) => key(a) - key(b)));
        }
        const out = Array.from({ length: backlog.size }, () => backlog.next(one, 1)).flat();
        const wanted = claims
          .flat()
          .map(key)
          .sort((a, b) => a - b);
        expect(out.map(key)).to.deep.equal(wanted);
      }),
    );
  });

  it("batches jobs of one worker that stand together, and leaves the other threads their share", () => {
    backlog.add(["a", "a", "a", "a", "b", "a"].map((worker) => claimedJob(worker)));
    const batches = [3, 2, 1, 1].map((threads) => backlog.next(() => 3, threads).map(({ worker }) => worker));
    expect(batches).to.deep.equal([["a", "a"], ["a", "a"], ["b"], ["a"]]);
  });

  it("hands out suspects alone", () => {
    backlog.add(([0, 1, 0] as const).map((suspicion) => claimedJob("a", {}, { suspicion })));
    expect(Array.from({ length: 3 }, () => backlog.next(() => 8, 1).length)).to.deep.equal([1, 1, 1]);
  });

  it("releases all jobs together once one has waited for too long", async () => {
    patience = 20;
    backlog.add([claimedJob("a"), claimedJob("a")]);
    backlog.add([claimedJob("a")]);
    await until(() => overdue.length > 0, "the jobs to be released");
    expect(overdue.map(({ length }) => length)).to.deep.equal([3]);
    expect(backlog.size).to.equal(0);
  });

  it("releases no job that starts in time, and none that came later", async () => {
    patience = 30;
    backlog.add([claimedJob("a")]);
    patience = 60_000;
    backlog.add([claimedJob("b", {}, { priority: 1 })]);
    expect(backlog.next(one, 1).map(({ worker }) => worker)).to.deep.equal(["a"]);
    const probe = new Backlog({ patience: () => 60, onOverdue: (jobs) => overdue.push(jobs) });
    probe.add([claimedJob("probe")]);
    await until(() => overdue.length > 0, "the probe");
    expect(overdue.flat().map(({ worker }) => worker)).to.deep.equal(["probe"]);
    expect(backlog.size).to.equal(1);
  });

  it("lets no job wait after a slow spell until a thread comes free, then one a thread, then twice as many each time", async () => {
    patience = 5;
    expect(backlog.allowance).to.equal(Number.POSITIVE_INFINITY);
    backlog.add([claimedJob("a")]);
    await until(() => overdue.length > 0, "the job to be released");
    expect(backlog.allowance).to.equal(0);
    patience = 60_000;
    backlog.threadFreed();
    for (let allowance = 1; allowance <= 256; allowance *= 2) {
      expect(backlog.allowance).to.equal(allowance);
      backlog.add([claimedJob("a")]);
      backlog.next(one, 1);
      backlog.threadFreed();
    }
    expect(backlog.allowance).to.equal(Number.POSITIVE_INFINITY);
  });
});
